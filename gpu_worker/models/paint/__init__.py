"""`paint`: a photograph becomes a painting.

Two networks, both pretrained by Magenta: one knows 26 styles and blends them (Dumoulin, Shlens and
Kudlur 2017, "A Learned Representation for Artistic Style"), the other takes the style of any
picture (Ghiasi, Lee, Kudlur, Dumoulin and Shlens 2017, "Exploring the structure of a real-time,
arbitrary neural artistic stylization network"). Importing this does not import torch; `load` does.
"""

from gpu_worker.models.paint.model import Paint

MODELS = [Paint]
