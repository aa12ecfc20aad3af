#!/usr/bin/python3
"""Others' enrolments are seen and removed by whom an administrator has confirmed, and by nobody else."""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from administrator import Polkit, as_nobody, installed  # noqa: E402
from checks import check, skip  # noqa: E402
from enrolled_stage import ACCOUNT, NAME, PATH, WELL, run  # noqa: E402


def play(stage):
    if os.geteuid() != 0:
        skip("an administrator decides about others' enrolments", "it takes another user, which needs root")
        return
    os.chmod(stage.directory, 0o755)
    stage.enrol_somebody()
    stage.start()

    def by_nobody(*call):
        """polkit answers meanwhile."""
        answer = []
        thread = threading.Thread(target=lambda: answer.append(as_nobody(stage.address, NAME, PATH, f"{NAME}.Manager", *call)))
        thread.start()
        stage.wait(lambda: answer)
        return answer[0]

    def removes(account=ACCOUNT):
        return by_nobody("RemoveEnrolment", "s", account)

    check("without polkit another user sees no enrolments and removes none", "have root do it" in by_nobody("ListAllEnrolments") and
          "have root do it" in removes() and stage.listed() == [ACCOUNT])
    polkit = Polkit(stage.bus)
    stage.bus.request_name("org.freedesktop.PolicyKit1")
    check("nor if polkit does not allow it", "administrator has to confirm" in by_nobody("ListAllEnrolments") and
          "administrator has to confirm" in removes() and stage.verify() == WELL)
    check("which is asked about the caller, for an action that is installed", polkit.asked_for() == "im.visavis.manage-enrolments" and
          installed(polkit.asked_for()), polkit.asked)
    polkit.allows = True
    check("whom it allows sees them", by_nobody("ListAllEnrolments") == "")
    listed = [(str(account), int(uid), str(engine)) for account, uid, engine in stage.call("Manager", "ListAllEnrolments")]
    check("with their users, as root does without being asked", listed == [(ACCOUNT, os.getuid(), "deep")] and len(polkit.asked) == 3, (listed, polkit.asked))
    check("one that is not there is not removed", "No account" in removes("f" * 32) and stage.listed() == [ACCOUNT])
    check("and removes one", removes() == "" and stage.listed() == [] and "NotFound" in repr(stage.verify()), stage.verify())
    stage.restart()
    check("for good", stage.listed() == [])


run(play)
