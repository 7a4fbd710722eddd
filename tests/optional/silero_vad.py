"""silero-vad's networks as its package has them, six ONNX files and a TorchScript archive.

silero_vad.py take WHEEL FOLDER          its files
silero_vad.py state ARCHIVE FILE         the weights of a TorchScript archive
silero_vad.py draw MODEL FILE            the same network with weights that are drawn; the windows of its transform stay
silero_vad.py compare ONE OTHER          largest change of an output, relative to the largest number of that output, by
                                         onnxruntime, where it is there, else by onnx's own evaluator
"""

import pathlib
import sys
import zipfile

import numpy
import onnx

command, first, second = sys.argv[1:]
generator = numpy.random.default_rng(1)


def normal(scale, *shape):
    return (scale * generator.standard_normal(shape)).astype(numpy.float32)


def tensors(graph):
    """Those of the graph and of graphs in its nodes, each with its name."""
    for tensor in graph.initializer:
        yield tensor.name, tensor
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield node.output[0], attribute.t
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from tensors(attribute.g)


def runner(path):
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        return ReferenceEvaluator(path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def inputs(model, loudness):
    """What the networks are given: a window of sound with what came before it, and their memory."""
    names = [each.name for each in model.graph.input]
    memory = {"state": normal(0.3, 2, 1, 128), "h": normal(0.3, 1, 1, 128), "c": normal(0.3, 1, 1, 128)}
    for rate, length in ((16000, 576), (8000, 288)):
        rows = 20 if "h" in names else 1
        given = {"input": normal(loudness, rows, length), "sr": numpy.array(rate, dtype=numpy.int64), **memory}
        yield {name: given[name] for name in names}
        if len({tuple(t.dims) for name, t in tensors(model.graph) if name.endswith("forward_basis_buffer")}) == 1:
            return  # for one rate alone


if command == "take":
    with zipfile.ZipFile(first) as archive:
        for name in archive.namelist():
            if name.endswith((".onnx", ".jit")):
                pathlib.Path(second, pathlib.PurePath(name).name).write_bytes(archive.read(name))
elif command == "state":
    import torch
    from safetensors.torch import save_file

    state = torch.jit.load(first, map_location="cpu").state_dict()
    save_file({name: tensor.clone().contiguous() for name, tensor in state.items()}, second)
elif command == "draw":
    model = onnx.load(first)
    for name, tensor in tensors(model.graph):
        if tensor.data_type != onnx.TensorProto.FLOAT or numpy.prod(tensor.dims) < 2:
            continue
        if name.endswith("forward_basis_buffer"):
            continue
        weights = onnx.numpy_helper.to_array(tensor)
        tensor.CopyFrom(onnx.numpy_helper.from_array(normal(weights.std(), *weights.shape), tensor.name))
    onnx.save(model, second)
else:
    model = onnx.load(first)
    models = [runner(path) for path in (first, second)]
    change, size = {}, {}
    for loudness in (0.01, 0.1, 0.5):
        for given in inputs(model, loudness):
            for i, (a, b) in enumerate(zip(*(each.run(None, given) for each in models))):
                change[i] = max(change.get(i, 0.0), float(numpy.abs(a - b).max()))
                size[i] = max(size.get(i, 0.0), float(numpy.abs(a).max()))
    print(max(change[i] / size[i] for i in change))
