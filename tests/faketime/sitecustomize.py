"""Under libfaketime, with the monotonic clock left alone, `time.sleep` returns at once (it ends
`clock_nanosleep` by the wrong clock): every process that is started so sleeps by `poll` instead."""

import select
import time


def _sleep(seconds: float) -> None:
    select.poll().poll(seconds * 1000)


time.sleep = _sleep
