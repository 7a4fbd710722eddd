#!/usr/bin/env python3
"""Writes the files of this folder with the programs that people use: NumPy, gguf and onnx.

    python3 -m venv venv && venv/bin/pip install numpy gguf onnx && venv/bin/python make.py [FOLDER]

They were written by numpy 2.4.6, gguf 0.19.0 and onnx 1.23.2. Other versions may write other bytes: the
tests look at what is in the files, never at the files' digests. `load FOLDER` instead of a folder
checks that the same programs read the files there again, with the values they were given.
"""
import os
import sys

import numpy as np


def weight(rows=16, columns=32):
    """The tensor that all files have in common."""
    return (np.arange(rows * columns, dtype=np.float32).reshape(rows, columns) - 100) / 7


def write_numpy(folder):
    w = weight()
    np.save(folder + "/c_order.npy", w)
    np.save(folder + "/fortran.npy", np.asfortranarray(w))
    np.save(folder + "/big_endian.npy", w.astype(">f4"))
    np.save(folder + "/structure.npy", np.zeros(3, dtype=[("a", "<f4"), ("b", "<i2", (2,))]))
    np.savez(folder + "/stored.npz", weight=w, bias=np.arange(16, dtype=np.float16),
             steps=np.array(7, dtype=np.int64), flags=np.array([True, False]),
             names=np.array(["one", "two"]), empty=np.zeros((0, 4), np.float64))
    np.savez_compressed(folder + "/deflated.npz", weight=w, bias=np.arange(16, dtype=np.float64))


def write_gguf(folder):
    import gguf
    writer = gguf.GGUFWriter(folder + "/model.gguf", "llama")
    writer.add_block_count(1)
    writer.add_float32("some.float", 0.5)
    writer.add_bool("some.flag", True)
    writer.add_array("some.numbers", [1, 2, 3])
    writer.add_token_list(["<s>", "a", "b\n"])
    w = weight()
    writer.add_tensor("weight", w)
    writer.add_tensor("half", w.astype(np.float16))
    writer.add_tensor("steps", np.arange(3, dtype=np.int64))
    for type in (gguf.GGMLQuantizationType.Q4_0, gguf.GGMLQuantizationType.Q8_0,
                 gguf.GGMLQuantizationType.BF16):
        writer.add_tensor(type.name.lower(), gguf.quants.quantize(w, type), raw_dtype=type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_onnx(folder):
    import onnx
    from onnx import TensorProto as T, helper, numpy_helper
    w = weight()
    inner = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(w[:2], "inside"))],
        "then", [], [helper.make_tensor_value_info("c", T.FLOAT, [2, 32])],
        [numpy_helper.from_array(w[2:4], "nested")])
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weight"], ["y"]),
         helper.make_node("If", ["flag"], ["z"], then_branch=inner, else_branch=inner)],
        "net",
        [helper.make_tensor_value_info("x", T.FLOAT, [1, 16]),
         helper.make_tensor_value_info("flag", T.BOOL, [])],
        [helper.make_tensor_value_info("y", T.FLOAT, [1, 32]),
         helper.make_tensor_value_info("z", T.FLOAT, [2, 32])],
        [numpy_helper.from_array(w, "weight"),
         helper.make_tensor("typed", T.FLOAT, [2, 2], [1, 2, 3, 4]),
         helper.make_tensor("ints", T.INT64, [3], [1, 2, 3]),
         numpy_helper.from_array(np.array(7, np.int64), "steps")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]),
              folder + "/model.onnx")


def load(folder):
    w = weight()
    for name in ("c_order", "fortran", "big_endian"):
        assert (np.load(folder + "/%s.npy" % name) == w).all(), name
    assert np.load(folder + "/structure.npy").dtype.names == ("a", "b")
    for name in ("stored", "deflated"):
        with np.load(folder + "/%s.npz" % name) as arrays:
            assert (arrays["weight"] == w).all() and (arrays["bias"] == np.arange(16)).all(), name
    import gguf
    tensors = {t.name: t for t in gguf.GGUFReader(folder + "/model.gguf").tensors}
    assert (tensors["weight"].data == w).all() and len(tensors) == 6
    assert tensors["q4_0"].tensor_type == gguf.GGMLQuantizationType.Q4_0
    import onnx
    model = onnx.load(folder + "/model.onnx")
    onnx.checker.check_model(model)
    found = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    assert (found["weight"] == w).all() and found["ints"].tolist() == [1, 2, 3]


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] == ["load"]:
        load(arguments[1])
    else:
        folder = arguments[0] if arguments else os.path.dirname(os.path.abspath(__file__))
        write_numpy(folder)
        write_gguf(folder)
        write_onnx(folder)
