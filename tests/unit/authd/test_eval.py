#!/usr/bin/python3
"""visavis-face-eval on the ORL set: the figures that authd's thresholds rest on; and on presentations of an actor."""
import json
import os
import subprocess
import sys
import tempfile

EVAL, ACTOR = sys.argv[1:3]
PHOTOS = os.environ.get("VISAVIS_PHOTOS", "")
ORL, MODELS = os.path.join(os.environ.get("VISAVIS_SHARED", ""), "faces/orl"), os.environ.get("VISAVIS_MODELS", "")


def evaluate(*arguments):
    return json.loads(subprocess.run([EVAL, *arguments, "--json", "--models", MODELS], capture_output=True, text=True, check=True).stdout)


def record(path, prompt, *how):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    subprocess.run([ACTOR, "--photo", f"{PHOTOS}/sample1.jpg", "--record", path, "--models", MODELS, "--prompts", prompt, "--fps", "8", *how], check=True)


def ten_people_by_lbph():
    with tempfile.TemporaryDirectory(prefix="visavis-eval-") as folder:
        for i in range(1, 11):
            os.symlink(f"{ORL}/s{i}", f"{folder}/s{i}")
        return evaluate(folder, "--tight", "--engine", "lbph")


def attacks():
    with tempfile.TemporaryDirectory(prefix="visavis-eval-") as folder:
        for movement in ("look-straight", "turn-left-far"):
            record(f"{folder}/bona-fide/one/{movement}.avi", movement)
            record(f"{folder}/photograph-in-a-hand/one/{movement}.avi", movement, "--still")
        return evaluate("--attack", folder)


def main():
    if not os.path.isdir(ORL) or not os.path.exists(f"{MODELS}/fr_detect.onnx"):
        print("1..0 # SKIP VISAVIS_SHARED and VISAVIS_MODELS do not say where the ORL set and the networks are")
        return 0
    found = evaluate(ORL, "--tight")
    at = {row["fmr_asked"]: row["fnmr"] for row in found["fnmr_at_fmr"]}
    classic = ten_people_by_lbph()
    presented = attacks()
    species = {row["name"]: row for row in presented["species"]}
    checks = [("all 200 pictures of 20 people are compared", (found["people"], found["pictures"], found["genuine_comparisons"], found["impostor_comparisons"]) == (20, 200, 900, 19000)),
              ("no face is undetected", found["undetected"] == 0),
              ("the EER is at most 0.3 %", found["eer"] <= 0.003),
              ("the FNMR at an FMR of 1e-3 is at most 1 %", at[1e-3] <= 0.01),
              ("at authd's threshold no two people match", found["of_authd"]["fmr"] == 0 and found["of_authd"]["fnmr"] < 0.03),
              ("and everybody matches the best of their own other pictures", found["of_authd_with_templates"]["fnmr"] <= 0.005 and found["of_authd_with_templates"]["fmr"] == 0),
              ("the time of each of the six stages is told, and the memory", len(found["stages"]) == 6 and all(v["milliseconds"] > 0 for v in found["stages"].values()) and found["peak_memory_kib"] > 0),
              ("lbph finds every face as well, with an EER of at most 4 %", (classic["undetected"], classic["genuine_comparisons"], classic["impostor_comparisons"]) == (0, 100, 900) and 0.005 < classic["eer"] <= 0.04),
              ("and no two people match at its threshold", classic["of_authd"]["fmr"] == 0 and classic["of_authd"]["fnmr"] < 0.15),
              ("a living face that turns is no attack", presented["bpcer"] == 0 and species["bona-fide"]["presentations"] == 1),
              ("a photograph that is turned in a hand is one", presented["apcer_of_the_worst_species"] == 0 and species["photograph-in-a-hand"]["apcer_movement"] == 0)]
    empty = subprocess.run([EVAL, "/var/empty", "--models", MODELS], capture_output=True, text=True, check=False)
    checks.append(("a folder without people is said to be so", empty.returncode == 1 and "/var/empty" in empty.stderr))
    for i, (name, good) in enumerate(checks, 1):
        print("ok" if good else "not ok", i, "-", name)
    if not all(good for _, good in checks):
        print("#", found, classic, presented, empty)
    print(f"1..{len(checks)}")
    return not all(good for _, good in checks)


sys.exit(main())
