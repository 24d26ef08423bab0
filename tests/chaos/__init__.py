"""The chaos suite: the real system under attack, and judged from the outside.

    python -m tests.chaos --jobs 200 --seed 1

Clients submit, repeat, watch, cancel and delete; the nemesis kills, stops, fills the disk and moves
the clock; a layer beneath the ports fails calls. Then all is set right, time goes by until nothing
is left to do, and the checks judge what can be seen.
"""
