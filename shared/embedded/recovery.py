"""What a sudden end leaves behind, found in the database of one machine.

Here it can be known that a process is dead, so nothing has to be waited for.
"""

import os

from shared.embedded.database import Database
from shared.message import job_message

OWNERS = """WITH RECURSIVE owners(name) AS (
    SELECT min(owner) FROM items WHERE owner IS NOT NULL
    UNION ALL
    SELECT (SELECT min(owner) FROM items WHERE owner > name) FROM owners WHERE name IS NOT NULL)"""
"""Each owner once, by steps through the index, however many jobs each has."""
RUNNING = f"""{OWNERS}
    SELECT pk FROM owners CROSS JOIN items ON owner = name AND status = 'running'"""
UNSENT = f"""{OWNERS}
    SELECT pk FROM owners CROSS JOIN items ON owner = name AND status IN ('queued', 'running')
    WHERE NOT EXISTS (SELECT 1 FROM letters WHERE body = :before || pk || :after AND queue IN (
        SELECT queue FROM turns WHERE queue NOT LIKE '%-dead'))"""
"""The dead are no letters that a worker would ever receive."""


def runs(pid: int) -> bool:
    """Whether there is such a process. Its number may have gone to another by now."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def running(database: Database) -> list[str]:
    """The jobs that somebody holds, or that wait for their next attempt."""
    return [row["pk"] for row in database.rows(RUNNING)]


def unsent(database: Database) -> list[str]:
    """The jobs that wait for a worker, though no letter speaks of them."""
    before, _, after = job_message("?").partition("?")
    return [row["pk"] for row in database.rows(UNSENT, {"before": before, "after": after})]


def release_letters(database: Database) -> None:
    """All letters that somebody had received are visible: all who had are dead."""
    database.execute(
        """UPDATE letters SET visible_at = 0, handle = NULL
           WHERE visible_at > 0 AND handle IS NOT NULL"""
    )
