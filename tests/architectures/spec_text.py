"""Reads the canonical text of a spec (mgit spec show --text) and permutes tensors by it.

Written after docs/specs.md and not after the C++ code, so that the two check each other.
"""

import dataclasses
import re

import numpy


@dataclasses.dataclass
class Group:
    size: int
    outer: str | None = None
    fixed: bool = False


@dataclasses.dataclass
class Line:
    """One tensor: what it is read as (None: as it is), and a layout for each axis."""

    shape: list[int] | None
    axes: list


class Layouts:
    """Recursive descent over one line's layouts; a layout is (kind, ...)."""

    TOKEN = re.compile(r"\s*(\d+x|_:\d+|_|[A-Za-z][\w.]*|[-+*(),])")

    def __init__(self, text):
        self.tokens = [token for token in self.TOKEN.findall(text)]
        if "".join(self.tokens) != re.sub(r"\s", "", text):
            raise ValueError(f"not a list of layouts: {text}")

    def axes(self):
        result = []
        while self.tokens:
            result.append(self.sum())
            if self.tokens and self.tokens.pop(0) != ",":
                raise ValueError("expected a comma")
        return result

    def sum(self):
        parts = [self.product()]
        while self.tokens[:1] == ["+"]:
            self.tokens.pop(0)
            parts.append(self.product())
        return ("sum", parts)

    def product(self):
        parts = [self.factor()]
        while self.tokens[:1] == ["*"]:
            self.tokens.pop(0)
            parts.append(self.factor())
        return ("product", parts)

    def factor(self):
        token = self.tokens.pop(0)
        if token == "(":
            inner = self.sum()
            self.tokens.pop(0)
            return inner
        if token == "_":
            return ("fixed", None)
        if token.startswith("_:"):
            return ("fixed", int(token[2:]))
        if token.endswith("x"):
            return ("product", [("fixed", int(token[:-1])), self.factor()])
        return ("group", token)


class Spec:
    def __init__(self, text):
        self.text = text
        self.architecture = "custom"
        self.groups: dict[str, Group] = {}
        self.tensors: dict[str, Line] = {}
        for line in text.splitlines()[1:]:
            self.read(line)

    def read(self, line):
        word, _, rest = line.partition(" ")
        if word == "arch":
            self.architecture = rest
        elif word == "pin":
            self.groups[rest].fixed = True
        elif word == "perm":
            name, size, outer = re.fullmatch(r"([^ :]+):(\d+)(?: in (\S+))?", rest).groups()
            self.groups[name] = Group(int(size), outer)
        elif word == "skip":
            self.tensors[rest.strip('"')] = Line(None, [])
        else:
            key, shape, axes = re.fullmatch(
                r'("[^"]*"|[^:" ]+)(?: as \[([^]]*)\])?:(.*?)(?: !nomatch)?', line
            ).groups()
            sizes = [int(size) for size in shape.split(",")] if shape else None
            self.tensors[key.strip('"')] = Line(sizes, Layouts(axes).axes() if axes.strip() else [])

    def moving(self, key):
        """Axes of a tensor, as the spec reads it, on which something moves."""
        return [i for i, axis in enumerate(self.tensors[key].axes) if self.moves(axis)]

    def moves(self, layout):
        kind, value = layout
        if kind == "group":
            return not self.groups[value].fixed
        return kind != "fixed" and any(self.moves(part) for part in value)


class Permutation:
    """A random order for each group, and for each member of a family, none of them the identity."""

    def __init__(self, spec, seed):
        self.spec = spec
        self.random = numpy.random.default_rng(seed)
        self.orders = {}

    def order(self, name, member):
        """Of the set of units of `name` in the unit `member` (a path from the outermost group)."""
        group = self.spec.groups[name]
        if group.fixed:
            return range(group.size)
        if (name, member) not in self.orders:
            order = self.random.permutation(group.size)
            while (order == numpy.arange(group.size)).all():
                order = self.random.permutation(group.size)
            self.orders[name, member] = order
        return self.orders[name, member]

    def places(self, layout, length, around):
        """[(source index, {group: source unit as a path})] of an axis; `around` are the units in
        which it lies."""
        kind, value = layout
        if kind == "fixed":
            size = length if value is None else value
            return [(i, around) for i in range(size)]
        if kind == "group":
            outer = self.spec.groups[value].outer
            member = around[outer] if outer else ()
            order = self.order(value, member)
            return [(int(unit), {**around, value: member + (int(unit),)}) for unit in order]
        if kind == "sum":
            if len(value) == 1:
                return self.places(value[0], length, around)
            result = []
            for part in value:
                offset = len(result)
                result += [(offset + i, units) for i, units in self.places(part, None, around)]
            return result
        result = [(0, around)]
        for number, part in enumerate(value):
            rest = length if len(value) == 1 else None
            wider = []
            for index, units in result:
                inner = self.places(part, rest, units)
                wider += [(index * len(inner) + i, deeper) for i, deeper in inner]
            result = wider
        return result

    def gather(self, key, axis, length):
        layout = self.spec.tensors[key].axes[axis]
        return numpy.array([source for source, _ in self.places(layout, length, {})])

    def apply(self, key, tensor, without=None):
        """The permuted tensor; `without`: an axis that is left as it is."""
        line = self.spec.tensors[key]
        moving = [axis for axis in self.spec.moving(key) if axis != without]
        if not moving:
            return tensor
        result = tensor.reshape(line.shape) if line.shape else tensor
        for axis in moving:
            index = self.gather(key, axis, result.shape[axis])
            if len(index) != result.shape[axis]:
                raise ValueError(f"{key} axis {axis}: {len(index)} of {result.shape[axis]}")
            result = result.take(index, axis)
        return numpy.ascontiguousarray(result.reshape(tensor.shape))
