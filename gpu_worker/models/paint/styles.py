"""The named styles: what each row of the 26-style network looks like on real photographs.

Rows 3, 9 and 17 leave nothing of the photograph, and row 6 turns everything into dark blue spots:
they have no name and cannot be asked for.
"""

from collections.abc import Mapping
from enum import StrEnum

import numpy as np

from shared.catalogue import Localised

ROWS = 26


class Style(StrEnum):
    """A way of painting, named by its looks."""

    IMPRESSIONIST = "impressionist"
    STARRY_NIGHT = "starry-night"
    SKY_AND_HONEY = "sky-and-honey"
    FAUVE_OILS = "fauve-oils"
    PALETTE_KNIFE = "palette-knife"
    BURNT_SIENNA = "burnt-sienna"
    CRIMSON_OILS = "crimson-oils"
    BOLD_PRIMARIES = "bold-primaries"
    SOFT_NOCTURNE = "soft-nocturne"
    MISTY_PASTEL = "misty-pastel"
    NIGHT_CRAYON = "night-crayon"
    COLORED_PENCIL = "colored-pencil"
    INK_WASH = "ink-wash"
    PEN_AND_GOLD = "pen-and-gold"
    CHARCOAL_MODERNIST = "charcoal-modernist"
    STAINED_GLASS = "stained-glass"
    VINTAGE_POSTER = "vintage-poster"
    TROPICAL_LITHOGRAPH = "tropical-lithograph"
    BLUE_WOODBLOCK = "blue-woodblock"
    WOOD_ENGRAVING = "wood-engraving"
    YELLOW_LINOCUT = "yellow-linocut"
    PAPER_CUTOUT = "paper-cutout"


ROW: Mapping[Style, int] = {
    Style.SKY_AND_HONEY: 0,
    Style.YELLOW_LINOCUT: 1,
    Style.INK_WASH: 2,
    Style.VINTAGE_POSTER: 4,
    Style.FAUVE_OILS: 5,
    Style.BOLD_PRIMARIES: 7,
    Style.COLORED_PENCIL: 8,
    Style.BURNT_SIENNA: 10,
    Style.PEN_AND_GOLD: 11,
    Style.IMPRESSIONIST: 12,
    Style.TROPICAL_LITHOGRAPH: 13,
    Style.MISTY_PASTEL: 14,
    Style.STAINED_GLASS: 15,
    Style.NIGHT_CRAYON: 16,
    Style.WOOD_ENGRAVING: 18,
    Style.STARRY_NIGHT: 19,
    Style.CRIMSON_OILS: 20,
    Style.PAPER_CUTOUT: 21,
    Style.CHARCOAL_MODERNIST: 22,
    Style.SOFT_NOCTURNE: 23,
    Style.BLUE_WOODBLOCK: 24,
    Style.PALETTE_KNIFE: 25,
}

TITLE: Mapping[Style, Localised] = {
    Style.IMPRESSIONIST: Localised(en="Impressionist", zh="印象派"),
    Style.STARRY_NIGHT: Localised(en="Starry night", zh="星夜"),
    Style.SKY_AND_HONEY: Localised(en="Sky and honey", zh="天蓝与蜜黄"),
    Style.FAUVE_OILS: Localised(en="Fauve oils", zh="野兽派油画"),
    Style.PALETTE_KNIFE: Localised(en="Palette knife", zh="刮刀油画"),
    Style.BURNT_SIENNA: Localised(en="Burnt sienna", zh="赭石油画"),
    Style.CRIMSON_OILS: Localised(en="Crimson oils", zh="绯红油画"),
    Style.BOLD_PRIMARIES: Localised(en="Bold primaries", zh="浓烈三原色"),
    Style.SOFT_NOCTURNE: Localised(en="Soft nocturne", zh="柔光夜曲"),
    Style.MISTY_PASTEL: Localised(en="Misty pastel", zh="薄雾粉彩"),
    Style.NIGHT_CRAYON: Localised(en="Night crayon", zh="夜色蜡笔"),
    Style.COLORED_PENCIL: Localised(en="Coloured pencil", zh="彩色铅笔"),
    Style.INK_WASH: Localised(en="Ink wash", zh="淡彩水墨"),
    Style.PEN_AND_GOLD: Localised(en="Pen and gold", zh="金彩钢笔画"),
    Style.CHARCOAL_MODERNIST: Localised(en="Charcoal modernist", zh="现代派炭笔"),
    Style.STAINED_GLASS: Localised(en="Stained glass", zh="彩绘玻璃"),
    Style.VINTAGE_POSTER: Localised(en="Vintage poster", zh="复古海报"),
    Style.TROPICAL_LITHOGRAPH: Localised(en="Tropical lithograph", zh="热带石版画"),
    Style.BLUE_WOODBLOCK: Localised(en="Blue woodblock", zh="蓝色木版画"),
    Style.WOOD_ENGRAVING: Localised(en="Wood engraving", zh="木刻版画"),
    Style.YELLOW_LINOCUT: Localised(en="Yellow linocut", zh="黄色麻胶版画"),
    Style.PAPER_CUTOUT: Localised(en="Paper cutout", zh="剪纸拼贴"),
}


def mixture(shares: Mapping[Style, float]) -> np.ndarray:
    """(26,) float32 weights that sum to one."""
    weights = np.zeros(ROWS, np.float64)
    for style, share in shares.items():
        weights[ROW[style]] = share
    return np.asarray(weights / weights.sum(), np.float32)


def wandered(weights: np.ndarray, variation: float, seed: int) -> np.ndarray:
    """The mixture on its way to a few other styles that the seed draws."""
    if not variation:
        return weights
    rows = list(ROW.values())
    shares = np.random.default_rng(seed).dirichlet(np.full(len(rows), 0.05))
    elsewhere = np.zeros(ROWS, np.float32)
    elsewhere[rows] = shares
    return np.asarray((1.0 - variation) * weights + variation * elsewhere, np.float32)
