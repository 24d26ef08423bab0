"""Pictures: from any bytes that a phone, a scanner or a painter's program saves, to upright sRGB,
and from there to the bytes that people keep.

Whatever the bytes are, `decode` answers with a `Picture` or an `InputError`: never a warning, never
another exception, as long as its process lives and has memory. The worker decodes by way of
`gpu_worker.decoding`, where neither matters. The codes of both, and all there are for a picture:

    image_empty         no bytes, or too few pixels for anything to be seen
    image_too_large     more pixels than the model takes
    image_truncated     the end is missing
    image_unreadable    no picture, or a damaged one
    image_unsupported   a picture or a film of a kind that is not taken
    image_too_complex   takes more memory to decode than any honest picture
    image_too_slow      takes more time to decode than any honest picture
    image_crashed       ended the process that decoded it
"""

from gpu_worker.pictures.clear import filled
from gpu_worker.pictures.kinds import FORMATS, Code
from gpu_worker.pictures.lossy import encode_jpeg, encode_webp, thumbnail
from gpu_worker.pictures.picture import Picture
from gpu_worker.pictures.png import encode_png
from gpu_worker.pictures.reader import MAX_PIXELS, MIN_SIDE, decode

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "MIN_SIDE",
    "Code",
    "Picture",
    "decode",
    "encode_jpeg",
    "encode_png",
    "encode_webp",
    "filled",
    "thumbnail",
]
