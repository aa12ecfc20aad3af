"""Test Anything Protocol for tests that are whole stories: each step is a line, and a step that fails ends the story."""

import contextlib
import os
import sys
import traceback


class Story:
    """Steps in order; `with story.step("what holds"):` around each. Ends with the plan and the exit status."""

    def __init__(self):
        self.number = 0
        self.failed = False

    @contextlib.contextmanager
    def step(self, text):
        self.number += 1
        try:
            yield
        except Exception:  # pylint: disable=broad-except  # whatever went wrong is the step's failure
            self.failed = True
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
            print(f"not ok {self.number} - {text}", flush=True)
            raise StoryOver() from None
        print(f"ok {self.number} - {text}", flush=True)

    def end(self):
        print(f"1..{self.number}", flush=True)
        sys.exit(1 if self.failed else 0)


class StoryOver(Exception):
    """A step failed, and what comes after it would only fail for the same reason."""


def skip_all(reason):
    print(f"1..0 # SKIP {reason}", flush=True)
    sys.exit(0)


def tell(story_function):
    """Runs a story from its first step to its end, however it ends. Its people act before cameras in real time: what only computes waits."""
    with contextlib.suppress(PermissionError):
        os.nice(-10)
    story = Story()
    with contextlib.suppress(StoryOver):
        story_function(story)
    story.end()
