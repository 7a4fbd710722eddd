"""silero-vad as its package has it for runs of frames: silero_vad_16k_sequence.onnx.

silero_vad.py take WHEEL FILE            that model
silero_vad.py draw MODEL FILE            the same network with weights that are drawn; the windows of its transform stay
silero_vad.py compare ONE OTHER          largest change of an output, relative to the largest number of that output
"""

import sys
import zipfile

import numpy
import onnx
from onnx.reference import ReferenceEvaluator

command, first, second = sys.argv[1:]
generator = numpy.random.default_rng(1)


def normal(scale, *shape):
    return (scale * generator.standard_normal(shape)).astype(numpy.float32)


if command == "take":
    with zipfile.ZipFile(first) as archive, open(second, "wb") as file:
        file.write(archive.read("silero_vad/data/silero_vad_16k_sequence.onnx"))
elif command == "draw":
    model = onnx.load(first)
    for tensor in model.graph.initializer:
        if tensor.name == "stft.forward_basis_buffer":
            continue
        weights = onnx.numpy_helper.to_array(tensor)
        drawn = normal(weights.std(), *weights.shape)
        tensor.CopyFrom(onnx.numpy_helper.from_array(drawn, tensor.name))
    onnx.save(model, second)
else:
    models = [ReferenceEvaluator(path) for path in (first, second)]
    largest = 0.0
    for loudness in (0.01, 0.1, 0.5):
        inputs = {"input": normal(loudness, 20, 576), "h": normal(0.3, 1, 1, 128), "c": normal(0.3, 1, 1, 128)}
        for a, b in zip(*(model.run(None, inputs) for model in models)):
            largest = max(largest, float(numpy.abs(a - b).max() / numpy.abs(a).max()))
    print(largest)
