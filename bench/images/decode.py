"""Decodes files, as often as each line of standard input says, by the reader that is asked for: decode.py TASK.json"""
import json
import sys
import time

import numpy

with open(sys.argv[1]) as task:
    TASK = json.load(task)
READER, FILES = TASK["reader"], TASK["files"]


def by_pydicom(file):
    data = pydicom.dcmread(file)
    return data.pixel_array * float(data.get("RescaleSlope", 1)) + float(data.get("RescaleIntercept", 0))


def by_gdcm(file):
    reader = gdcm.ImageReader()
    reader.SetFileName(file)
    if not reader.Read():
        raise RuntimeError("GDCM cannot read " + file)
    image = reader.GetImage()
    buffer = image.GetBuffer().encode("utf-8", errors="surrogateescape")
    pixels = numpy.frombuffer(buffer, dtype=numpy.uint16)
    return pixels * image.GetSlope() + image.GetIntercept()


def by_pillow(file):
    return numpy.asarray(Image.open(file)).astype(numpy.uint16)


if READER == "pydicom":
    import pydicom

    read, version = by_pydicom, pydicom.__version__
elif READER == "gdcm":
    import gdcm

    read, version = by_gdcm, gdcm.Version.GetVersion()
else:
    import PIL
    from PIL import Image

    read, version = by_pillow, PIL.__version__


def say(what):
    print(json.dumps(what), flush=True)


say({"version": version, "sum": float(sum(read(file).sum() for file in FILES))})
for line in sys.stdin:
    begun = time.perf_counter()
    for _ in range(int(line)):
        for file in FILES:
            read(file)
    say({"seconds": time.perf_counter() - begun})
