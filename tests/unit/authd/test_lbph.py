#!/usr/bin/python3
"""authd's engine lbph against the recogniser that it does without, OpenCV's cv2.face.LBPHFaceRecognizer, trained for each person alone.

Both get the same crop of the same face. Bins, distances and decisions have to agree (docs/decisions/lbph-without-contrib.md).
Pictures: people of the demo's photographs, played by tests/actor."""
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile

SEEN, ACTOR = sys.argv[1:3]
PHOTOS = os.environ.get("VISAVIS_PHOTOS", "/var/cache/visavis/photos")
MODELS = os.environ.get("VISAVIS_MODELS", "/var/cache/visavis/models")
PEOPLE = (("sample1.jpg", "1"), ("sample3.jpg", "1"), ("sample4.jpg", "1"), ("sample6.jpg", "1"))
TRAINED, PICTURES = 6, 12  # of each
SIDE, INNER, BLUR, BINS = 112, 0.85, 0.8, 8 * 8 * 256  # authd/vision/lbph.cpp
IN_A_CELL = ((SIDE - 2) // 8) ** 2  # pixels


def play(folder, number):
    photo, face = PEOPLE[number]
    film = f"{folder}/{number}.avi"
    subprocess.run([ACTOR, "--photo", f"{PHOTOS}/{photo}", "--face", face, "--record", film, "--models", MODELS, "--fps", "3",
                    "--prompts", "look-straight,turn-left-a-little"], check=True)
    video, paths = cv2.VideoCapture(film), []
    for i in range(PICTURES):
        paths.append(f"{folder}/{number}-{i}.png")
        cv2.imwrite(paths[-1], video.read()[1])
    return paths


def crop(path, box):
    """What the engine computes the histogram of."""
    x, y, width, height = map(int, box)
    margin = (1 - INNER) / 2
    left, top = int(x + margin * width), int(y + margin * height)
    grey = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2GRAY)[top:top + int(height * INNER), left:left + int(width * INNER)]
    return cv2.GaussianBlur(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), (0, 0), BLUR)


def see(paths):
    """Boxes and histograms of the pictures, and their likeness with each person."""
    out = subprocess.run([SEEN, MODELS, str(TRAINED), str(PICTURES), *paths], capture_output=True, check=True).stdout
    record = numpy.dtype([("box", "i4", 4), ("histogram", "u1", BINS)])
    seen = numpy.frombuffer(out[:record.itemsize * len(paths)], record)
    return seen, numpy.frombuffer(out[record.itemsize * len(paths):], "f8").reshape(len(PEOPLE), len(paths))


def compare(paths):
    """The largest difference of a bin, of a distance, how many decisions differ, and how many there were of each kind."""
    seen, likeness = see(paths)
    crops = [crop(path, box) for path, box in zip(paths, seen["box"])]
    match = json.load(open(f"{MODELS}/lbph.json", encoding="utf-8"))["models"]["feature"]["thresholds"]["match"]
    largest = 2 * 2 * 8 * 8  # chi-square of two histograms that share nothing
    bins = distances = 0.0
    differing, same, other = 0, 0, 0
    for person in range(len(PEOPLE)):
        first = person * PICTURES
        own = range(first, first + TRAINED)
        recogniser = cv2.face.LBPHFaceRecognizer_create(threshold=(1 - match) * largest)
        recogniser.train([crops[i] for i in own], numpy.full(TRAINED, person, "i4"))
        unlimited = cv2.face.LBPHFaceRecognizer_create()
        unlimited.train([crops[i] for i in own], numpy.full(TRAINED, person, "i4"))
        for i, histogram in zip(own, recogniser.getHistograms()):
            bins = max(bins, float(numpy.abs(histogram.ravel() * IN_A_CELL - seen["histogram"][i]).max()))
        for i in (i for i in range(len(paths)) if i not in own):
            distances = max(distances, abs(unlimited.predict(crops[i])[1] - (1 - likeness[person][i]) * largest))
            accepted = recogniser.predict(crops[i])[0] == person
            differing += accepted != bool(likeness[person][i] >= match)
            same, other = same + accepted, other + (not accepted)
    return bins, distances, differing, same, other


def main():
    with tempfile.TemporaryDirectory(prefix="visavis-lbph-") as folder:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            paths = sum(pool.map(lambda n: play(folder, n), range(len(PEOPLE))), [])
        bins, distances, differing, same, other = compare(paths)
    print(f"# largest differences: of a bin {bins:.1e} of a count, of a distance {distances:.1e} of 256; {same} pictures are taken for a person, {other} are not")
    checks = [("each bin is that of OpenCV's recogniser", bins < 1e-3), ("so is each distance", distances < 1e-3),
              ("so is each decision", differing == 0), ("there are some of either kind", same > 0 and other > 0)]
    for i, (name, good) in enumerate(checks, 1):
        print("ok" if good else "not ok", i, "-", name)
    print(f"1..{len(checks)}")
    return not all(good for _, good in checks)


if not os.path.exists(f"{PHOTOS}/sample1.jpg") or not os.path.exists(f"{MODELS}/lbph.json"):
    print("1..0 # SKIP VISAVIS_MODELS and VISAVIS_PHOTOS do not say where the networks and photographs are")
    sys.exit(0)
try:
    import cv2
    import numpy
except ImportError:
    print("1..0 # SKIP python3-opencv is not installed; ./run test installs it")
    sys.exit(0)
sys.exit(main())
