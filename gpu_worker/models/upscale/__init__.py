"""`upscale`: a picture two, three or four times as large, its lines and edges drawn sharp."""

from gpu_worker.models.upscale.model import Upscale

__all__ = ["MODELS", "Upscale"]

MODELS = [Upscale]
