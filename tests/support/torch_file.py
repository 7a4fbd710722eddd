"""Files as torch.save writes them, without torch: nested dicts, lists and numbers, with float32 tensors in them.

A tensor is Tensor(shape, values). save(path, tree) writes, load(path) reads what save wrote, and what mgit
made of it.
"""
import collections, io, pickle, struct, sys, types, zipfile

torch = types.ModuleType("torch")
utils = types.ModuleType("torch._utils")


class FloatStorage:
    def __init__(self, key, values):
        self.key, self.values = key, values


def _rebuild_tensor_v2(storage, offset, shape, strides, grad, hooks):
    return Tensor(shape, storage[offset:])


FloatStorage.__module__, FloatStorage.__qualname__ = "torch", "FloatStorage"
_rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
torch.FloatStorage, torch._utils, utils._rebuild_tensor_v2 = FloatStorage, utils, _rebuild_tensor_v2
sys.modules["torch"], sys.modules["torch._utils"] = torch, utils


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


class Tensor:
    def __init__(self, shape, values):
        self.shape, count = tuple(shape), 1
        for size in shape: count *= size
        self.values = [float32(value) for value in list(values)[:count]]
        self.storage = None

    def __eq__(self, other):
        return self.shape == other.shape and self.values == other.values

    def __mul__(self, factor):
        return Tensor(self.shape, [factor * value for value in self.values])

    def __reduce__(self):
        strides, stride = [], 1
        for size in reversed(self.shape): strides.insert(0, stride); stride *= size
        return _rebuild_tensor_v2, (self.storage, 0, self.shape, tuple(strides), False, collections.OrderedDict())


class Pickler(pickle.Pickler):
    def __init__(self, file):
        super().__init__(file, protocol=2)
        self.storages = []

    def reducer_override(self, value):
        if isinstance(value, Tensor) and value.storage is None:
            value.storage = FloatStorage(str(len(self.storages)), value.values)
            self.storages.append(value.storage)
        return NotImplemented

    def persistent_id(self, value):
        if isinstance(value, FloatStorage):
            return ("storage", FloatStorage, value.key, "cpu", len(value.values))
        return None


class Unpickler(pickle.Unpickler):
    def persistent_load(self, name):
        return self.archive(name[2])


def save(path, tree):
    file = io.BytesIO()
    pickler = Pickler(file)
    pickler.dump(tree)
    with zipfile.ZipFile(path, "w") as z:
        z.writestr(zipfile.ZipInfo("state/data.pkl"), file.getvalue())
        for storage in sorted(pickler.storages, key=lambda each: each.key):  # as torch 1.13 has them
            z.writestr(zipfile.ZipInfo("state/data/" + storage.key),
                       struct.pack("<%df" % len(storage.values), *storage.values))
        z.writestr(zipfile.ZipInfo("state/version"), "3\n")


def load(path):
    with zipfile.ZipFile(path) as z:
        def storage(key):
            raw = z.read("state/data/" + key)
            return list(struct.unpack("<%df" % (len(raw) // 4), raw))
        reader = Unpickler(io.BytesIO(z.read("state/data.pkl")))
        reader.archive = storage
        return reader.load()
