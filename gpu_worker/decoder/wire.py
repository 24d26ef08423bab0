"""What goes over a socket between a worker and the processes that decode for it.

The worker believes nothing that comes from a decoder: a file may have taken it over. So nothing is
unpickled; an answer is a head, JSON that is checked, and then as many bytes as its shape says.
"""

import struct

ERRAND = struct.Struct("!i")
"""To the nursery: the process to bury, or 0 with a socket for a new decoder. Its answer is alike:
how the process ended (as `subprocess` says it), or the new decoder's process id."""

REQUEST = struct.Struct("!QQI")
"""To a decoder: the bytes of the file, which follow; the most pixels; the long side, 0 for any."""

HEAD = struct.Struct("!H")
"""From a decoder: the bytes of JSON that follow. After the JSON of a picture come its pixels."""
MAX_HEAD = 2048
