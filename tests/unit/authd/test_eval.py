#!/usr/bin/python3
"""visavis-face-eval on the ORL set: the figures that authd's threshold rests on."""
import json
import os
import subprocess
import sys

EVAL = sys.argv[1]
ORL, MODELS = os.path.join(os.environ.get("VISAVIS_SHARED", ""), "faces/orl"), os.environ.get("VISAVIS_MODELS", "")


def main():
    if not os.path.isdir(ORL) or not os.path.exists(f"{MODELS}/fr_detect.onnx"):
        print("1..0 # SKIP VISAVIS_SHARED and VISAVIS_MODELS do not say where the ORL set and the networks are")
        return 0
    found = json.loads(subprocess.run([EVAL, ORL, "--tight", "--json", "--models", MODELS], capture_output=True, text=True, check=True).stdout)
    at = {row["fmr_asked"]: row["fnmr"] for row in found["fnmr_at_fmr"]}
    checks = [("all 200 pictures of 20 people are compared", (found["people"], found["pictures"], found["genuine_comparisons"], found["impostor_comparisons"]) == (20, 200, 900, 19000)),
              ("no face is undetected", found["undetected"] == 0),
              ("the EER is at most 0.3 %", found["eer"] <= 0.003),
              ("the FNMR at an FMR of 1e-3 is at most 1 %", at[1e-3] <= 0.01),
              ("at authd's threshold no two people match", found["of_authd"]["fmr"] == 0 and found["of_authd"]["fnmr"] < 0.02)]
    empty = subprocess.run([EVAL, "/var/empty", "--models", MODELS], capture_output=True, text=True, check=False)
    checks.append(("a folder without people is said to be so", empty.returncode == 1 and "/var/empty" in empty.stderr))
    for i, (name, good) in enumerate(checks, 1):
        print("ok" if good else "not ok", i, "-", name)
    if not all(good for _, good in checks):
        print("#", found, empty)
    print(f"1..{len(checks)}")
    return not all(good for _, good in checks)


sys.exit(main())
