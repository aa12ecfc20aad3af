"""Checks, each one TAP line; a failed one does not end the program."""

failures = number = 0


def check(name, good, detail=""):
    global failures, number
    number += 1
    failures += not good
    print(("ok" if good else "not ok"), number, "-", name, flush=True)
    if not good:
        print("#", str(detail).replace("\n", " "), flush=True)


def skip(name, why):
    global number
    number += 1
    print("ok", number, "-", name, "# SKIP", why, flush=True)


def finish():
    """Prints the plan: the program's exit status."""
    print(f"1..{number}", flush=True)
    return 1 if failures else 0
