"""The part of `paint` that needs torch."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from gpu_worker.model import Sample, Step
from gpu_worker.models.paint import brush, finish, networks, weights
from gpu_worker.models.paint.canvas import Canvas
from gpu_worker.models.paint.styles import mixture, wandered
from gpu_worker.pictures import Picture

PIXELS = {"cpu": 2**20, "cuda": 2**24}
"""How many pixels go through the network at a time; one picture always does."""


class Painter:
    """Both networks on a device."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.named = networks.NamedStyles()
        self.any = networks.AnyStyle()
        networks.load(self.named, weights.NAMED, device)
        networks.load(self.any, weights.ANY, device)

    @torch.inference_mode()
    def paint(self, samples: Sequence[Sample], step: Step) -> list[Picture]:
        """One painting for each sample."""
        paintings: dict[int, Picture] = {}
        for group in self._groups(samples):
            done = len(paintings) / len(samples)
            share = len(group) / len(samples)
            members = [samples[index] for index in group]
            painted = self._together(members, _part(step, done, share))
            paintings.update(zip(group, painted, strict=True))
        step(1.0)
        return [paintings[index] for index in range(len(samples))]

    def _groups(self, samples: Sequence[Sample]) -> Iterator[list[int]]:
        """Indices of samples that go through the same network at the same size."""
        alike: dict[tuple[tuple[int, int], float, bool], list[int]] = {}
        for index, sample in enumerate(samples):
            canvas: Canvas = sample.prepared
            broader = _breadth(sample)
            key = (canvas.shape(brush.margin(broader)), broader, canvas.style is None)
            alike.setdefault(key, []).append(index)
        for ((height, width), *_), indices in alike.items():
            room = max(1, PIXELS.get(self.device, 2**22) // (height * width))
            for start in range(0, len(indices), room):
                yield indices[start : start + room]

    def _together(self, samples: Sequence[Sample], step: Step) -> Iterator[Picture]:
        broader = _breadth(samples[0])
        margin = brush.margin(broader)
        photos = self._pixels([sample.prepared.framed(margin) for sample in samples])
        if samples[0].prepared.style is None:
            paintings = brush.paint(self.named, photos, self._mixtures(samples), broader, step)
        else:
            paintings = brush.paint(self.any, photos, self._styles(samples), broader, step)
        for index, sample in enumerate(samples):
            one = slice(index, index + 1)
            yield self._finished(sample, photos[one], paintings[one], margin)

    def _mixtures(self, samples: Sequence[Sample]) -> Tensor:  # (N, 26)
        rows = [
            wandered(mixture(sample.params.shares()), sample.params.variation, sample.seed)
            for sample in samples
        ]
        return torch.from_numpy(np.stack(rows)).to(self.device)

    def _styles(self, samples: Sequence[Sample]) -> Tensor:  # (N, 100)
        pictures = [sample.prepared.style for sample in samples]
        # One at a time: a job's artworks share their style, and its numbers not with the batch.
        known = {id(picture): picture for picture in pictures}
        numbers = {key: self.any.predictor(self._pixels([known[key]])) for key in known}
        return torch.cat([numbers[id(picture)] for picture in pictures])

    def _finished(self, sample: Sample, photo: Tensor, painting: Tensor, margin: int) -> Picture:
        canvas: Canvas = sample.prepared
        rows = slice(margin, margin + canvas.photo.height)
        columns = slice(margin, margin + canvas.photo.width)
        photo, painting = photo[..., rows, columns], painting[..., rows, columns]
        if sample.params.keep_colors:
            painting = finish.recoloured(painting, photo)
        pixels = finish.eight_bits(finish.mixed(photo, painting, sample.params.strength))
        return Picture(np.ascontiguousarray(pixels.cpu().numpy()), canvas.photo.alpha)

    def _pixels(self, pictures: Sequence[np.ndarray]) -> Tensor:
        """(H, W, 3) uint8 each → (N, 3, H, W) in 0..1, channels last."""
        stacked = torch.from_numpy(np.stack(pictures)).to(self.device)
        return stacked.permute(0, 3, 1, 2).float().div_(255)


def _breadth(sample: Sample) -> float:
    photo: Picture = sample.prepared.photo
    return brush.breadth(sample.params.brush, max(photo.width, photo.height))


def _part(step: Step, done: float, share: float) -> Callable[[float], None]:
    return lambda inner: step(done + share * inner)
