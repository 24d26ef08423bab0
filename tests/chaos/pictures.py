"""What the clients upload and drop."""

import io
import random

from PIL import Image

from tests.chaos.workload import Order

NO_PICTURE = b"this is no picture at all, whatever its name may say"


def picture(order: Order) -> bytes:
    """A small PNG of its own colour, or for one poison none."""
    if order.poison == "undecodable":
        return NO_PICTURE
    file = io.BytesIO()
    colour = random.Random(order.number).randbytes(3)
    Image.new("RGB", (16, 16), tuple(colour)).save(file, "PNG")
    return file.getvalue()
