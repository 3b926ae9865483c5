"""PESQ and ViSQOL of pairs of sounds, for `evaluate aac`.

The one argument is a list of lines: a row, a name, an original and what became of it, both
mono samples of 16 bits at 48 kHz. Prints a line for each score: the row, the judge, the
score. Whoever is missing is told in a line of words.
"""

import sys
from multiprocessing import Pool

import numpy
from scipy.signal import resample_poly

RATE = 48000

# ViSQOL takes its time: it hears so many seconds of these recordings.
SECONDS = 5
VISQOL = {"clean", "harvard-spk1-1", "jfk", "librivox-0870"}

try:
    from pesq import pesq
except ImportError as error:
    pesq = None
    print(f"not heard by PESQ: {error}")

try:
    from visqol import VisqolApi
except ImportError as error:
    VisqolApi = None
    print(f"not heard by ViSQOL: {error}")


def read(path):
    return numpy.fromfile(path, dtype="<i2").astype(float) / 32768


def judged(line):
    row, name, one, other = line.rstrip("\n").split("\t")
    one, other = read(one), read(other)
    said = []
    if pesq:
        # Wide band, which is 16 kHz.
        low = [resample_poly(x, 1, 3) for x in (one, other)]
        try:
            said.append(f"{row}\tpesq\t{pesq(16000, *low, 'wb')}")
        except Exception as error:
            said.append(f"{name}: not heard by PESQ: {error}")
    if VisqolApi and name in VISQOL:
        try:
            api = VisqolApi()
            api.create(mode="audio")
            # Half a second of silence on both sides, as it wants it.
            rest = numpy.zeros(RATE // 2)
            pair = [numpy.concatenate([rest, x[: SECONDS * RATE], rest]) for x in (one, other)]
            said.append(f"{row}\tvisqol\t{api.measure_from_arrays(*pair, RATE).moslqo}")
        except Exception as error:
            said.append(f"{name}: not heard by ViSQOL: {error}")
    return said


if __name__ == "__main__":
    with open(sys.argv[1]) as pairs, Pool() as pool:
        for lines in pool.imap(judged, pairs):
            for line in lines:
                print(line)
