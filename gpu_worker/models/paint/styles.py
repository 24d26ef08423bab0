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


COLORS: Mapping[Style, tuple[str, str, str]] = {
    Style.IMPRESSIONIST: ("#e0b34b", "#aeb1c0", "#9f8472"),
    Style.STARRY_NIGHT: ("#d6c86b", "#5391ba", "#274a71"),
    Style.SKY_AND_HONEY: ("#99b8c1", "#daa83e", "#9c896b"),
    Style.FAUVE_OILS: ("#c5a06f", "#ca8131", "#986e5c"),
    Style.PALETTE_KNIFE: ("#a88059", "#718097", "#6d503c"),
    Style.BURNT_SIENNA: ("#c57046", "#835246", "#201f28"),
    Style.CRIMSON_OILS: ("#ad2014", "#6f1919", "#1c0a23"),
    Style.BOLD_PRIMARIES: ("#e8c11c", "#b07933", "#183e91"),
    Style.SOFT_NOCTURNE: ("#d2b996", "#585a53", "#2c3233"),
    Style.MISTY_PASTEL: ("#e0ccbc", "#a1bec9", "#54808f"),
    Style.NIGHT_CRAYON: ("#a17e25", "#876358", "#3962a5"),
    Style.COLORED_PENCIL: ("#f8ec63", "#e27ea8", "#74a9b8"),
    Style.INK_WASH: ("#c2d0cd", "#dcb37d", "#1d1a1e"),
    Style.PEN_AND_GOLD: ("#cbccb8", "#e7b44c", "#977749"),
    Style.CHARCOAL_MODERNIST: ("#c1bfaf", "#6f81ae", "#842617"),
    Style.STAINED_GLASS: ("#cdd6e2", "#e6c088", "#8e7e74"),
    Style.VINTAGE_POSTER: ("#edbc50", "#a4c3df", "#8c2127"),
    Style.TROPICAL_LITHOGRAPH: ("#b8a86a", "#a9a928", "#2a646c"),
    Style.BLUE_WOODBLOCK: ("#d2c8a4", "#94b0a6", "#223752"),
    Style.WOOD_ENGRAVING: ("#d3c481", "#a28558", "#947044"),
    Style.YELLOW_LINOCUT: ("#cacdc6", "#dac785", "#e9c61b"),
    Style.PAPER_CUTOUT: ("#e6caa1", "#a7bfd5", "#e38f86"),
}
"""The three main colours that each style gave a photograph, for those who choose by eye."""

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
