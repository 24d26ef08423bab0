"""LitServe: pictures are the answers of requests, and batched; nothing is kept."""

import os

import litserve
import torch
from fastapi import Response

from tests.bench.dcgan import BATCH, Generator

BATCH_SECONDS = 0.01
"""What a batch is gathered for."""


class Api(litserve.LitAPI):  # type: ignore[misc]
    """Defaults, but for the batches."""

    def setup(self, device: str) -> None:
        torch.set_num_threads(1)
        self.generator = Generator()

    def decode_request(self, request: dict[str, int]) -> int:
        return request["seed"]

    def predict(self, seeds: list[int]) -> list[bytes]:
        return self.generator.pictures(seeds)

    def encode_response(self, picture: bytes) -> Response:
        return Response(content=picture, media_type="image/png")


def main() -> None:
    """Serve until SIGTERM."""
    api = Api(max_batch_size=BATCH, batch_timeout=BATCH_SECONDS)
    server = litserve.LitServer(api, accelerator="cpu", timeout=300)
    port = int(os.environ["PEER_PORT"])
    server.run(port=port, host="127.0.0.1", log_level="warning", generate_client_file=False)


if __name__ == "__main__":
    main()
