"""The part of `paint` that needs torch."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from gpu_worker.model import Sample, Step
from gpu_worker.models.paint import brush, finish, networks, weights
from gpu_worker.models.paint.canvas import Canvas, Shape
from gpu_worker.models.paint.styles import mixture, wandered
from gpu_worker.pictures import Picture

PIXELS = {"cuda": 2**24, "mps": 2**22}
"""How many pixels go through the network at a time; one picture always does. On a CPU pictures go
one by one: together they would hardly be faster, and oneDNN's sums are rounded by their number."""


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
        """Indices of samples that go through a network together."""
        alike: dict[Shape, list[int]] = {}
        for index, sample in enumerate(samples):
            alike.setdefault(sample.prepared.shape, []).append(index)
        for shape, indices in alike.items():
            room = max(1, PIXELS.get(self.device, 0) // (shape.height * shape.width))
            for start in range(0, len(indices), room):
                yield indices[start : start + room]

    def _together(self, samples: Sequence[Sample], step: Step) -> Iterator[Picture]:
        shape: Shape = samples[0].prepared.shape
        photos = self._pixels([sample.prepared.framed() for sample in samples])
        network, styles = (
            (self.named, self._mixtures(samples))
            if shape.named
            else (self.any, self._styles(samples))
        )
        paintings = brush.paint(network, photos, styles, shape.broader, step)
        for index, sample in enumerate(samples):
            one = slice(index, index + 1)
            yield self._finished(sample, photos[one], paintings[one])

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

    def _finished(self, sample: Sample, photo: Tensor, painting: Tensor) -> Picture:
        canvas: Canvas = sample.prepared
        margin = canvas.margin
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


def _part(step: Step, done: float, share: float) -> Callable[[float], None]:
    return lambda inner: step(done + share * inner)
