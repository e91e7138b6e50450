"""What expressions can be: subscripts, calls, loops. See `reads`."""

from __future__ import annotations

import ast

from .places import Value, joined

# Functions that go through their arguments, and give back a collection of the elements, or one of them.
ONE = set("max min sum any all next reduce fmean mean median stdev pstdev variance pvariance fsum prod".split())
TUPLES = set("zip enumerate pairwise zip_longest product combinations permutations".split())
THROUGH = (
    ONE
    | TUPLES
    | set(
        "groupby sorted list tuple set frozenset reversed filter map iter chain islice takewhile dropwhile accumulate filterfalse "
        "starmap nlargest nsmallest deque Counter dict cycle".split()
    )
)
# Functions that give back what the function returns that they are given.
GIVE_RESULTS = {"map", "starmap", "accumulate", "reduce"}
# Methods that put their arguments into a collection.
PUT = {"append", "add", "insert", "appendleft", "setdefault"}


def expression(tracer, node) -> Value:
    match node:
        case ast.Name(id=name):
            found = tracer.scope.find(name)
            return Value() if found is None else found
        case ast.Constant(value=constant):
            return Value(text=constant) if isinstance(constant, str) else Value()
        case ast.Subscript(value=record, slice=key):
            return subscript(tracer, tracer.value(record), key)
        case ast.Call():
            return call(tracer, node)
        case ast.BoolOp(values=values):
            # All but the last are looked at; what is an array or a record is recognised by other uses.
            found = [tracer.value(value) for value in values]
            for value in found[:-1]:
                value.use()
            return joined(*found)
        case ast.IfExp(test=test, body=body, orelse=other):
            tracer.value(test).use()
            return joined(tracer.value(body), tracer.value(other))
        case ast.NamedExpr(target=target, value=value):
            given = tracer.value(value)
            tracer.bind_target(target, given)
            return given
        case ast.BinOp(left=left, op=operator, right=right):
            found = joined(tracer.value(left), tracer.value(right))
            found.use()
            # Lists can be added.
            return found if isinstance(operator, ast.Add) else Value()
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            found = [tracer.value(p.value).elements() if isinstance(p, ast.Starred) else tracer.value(p) for p in parts]
            starred = any(isinstance(part, ast.Starred) for part in parts)
            tuple_of = found if isinstance(node, ast.Tuple) and not starred else None
            return Value(items=joined(*found), parts=tuple_of)
        case ast.Dict(keys=keys, values=values):
            for key in filter(None, keys):
                tracer.value(key).use()
            return Value(items=joined(*map(tracer.value, values)))
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            return comprehension(tracer, node)
        case ast.Lambda():
            return tracer.define(node)
        case ast.Compare():
            return compare(tracer, node)
        case ast.Starred(value=value):
            return tracer.value(value)
        case ast.Yield(value=value) if value is not None:
            tracer.give_back(Value(items=tracer.value(value)))
            return Value()
        case ast.YieldFrom(value=value):
            tracer.give_back(Value(items=tracer.value(value).elements()))
            return Value()
        case _:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    tracer.value(child).use()
            return Value()


def subscript(tracer, record: Value, key) -> Value:
    if isinstance(key, ast.Slice):
        for bound in filter(None, (key.lower, key.upper, key.step)):
            tracer.value(bound).use()
        return record
    name = tracer.value(key)
    name.use()
    return field(record, name, is_number(key))


def field(record: Value, name: Value, number: bool = False) -> Value:
    """What a record has under a name, or a collection at a position."""
    found = Value(*(place.child(text) for place in record.places for text in name.texts))
    if record.items is not None:
        found.join(record.items)
    if number:
        found.join(record.elements())
    return found


def is_number(key) -> bool:
    match key:
        case ast.Constant(value=int()) | ast.UnaryOp(operand=ast.Constant(value=int())):
            return True
    return False


def compare(tracer, node) -> Value:
    first = tracer.value(node.left)
    for operator, other in zip(node.ops, node.comparators):
        second = tracer.value(other)
        if isinstance(operator, (ast.In, ast.NotIn)):
            first.use()
            for place in second.places:
                if first.texts and not place.elements:
                    field(second, first)
                else:
                    place.used = True
        elif is_none(other):
            for place in first.places:
                place.asked = True
        else:
            first.use()
            second.use()
        first = second
    return Value()


def is_none(node) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def comprehension(tracer, node) -> Value:
    for loop in node.generators:
        tracer.bind_target(loop.target, tracer.value(loop.iter).elements())
        for condition in loop.ifs:
            tracer.value(condition).use()
    if isinstance(node, ast.DictComp):
        tracer.value(node.key).use()
        return Value(items=tracer.value(node.value))
    return Value(items=tracer.value(node.elt))


def call(tracer, node) -> Value:
    given = [tracer.value(argument) for argument in node.args]
    named = {keyword.arg: tracer.value(keyword.value) for keyword in node.keywords}
    if isinstance(node.func, ast.Attribute):
        return method(tracer, node.func.attr, tracer.value(node.func.value), [*given, *named.values()])
    called = tracer.value(node.func)
    if called.functions:
        named.pop(None, None)
        return joined(*(tracer.bind(function, given, named) for function in called.functions))
    return other_call(tracer, getattr(node.func, "id", ""), [*given, *named.values()])


def method(tracer, name: str, receiver: Value, given: list[Value]) -> Value:
    if name == "get" and given:
        return joined(field(receiver, given[0]), *given[1:])
    if name in PUT:
        for value in given:
            tracer.put_into(receiver, value)
        return joined(*given)
    if name in ("extend", "update"):
        for value in given:
            tracer.put_into(receiver, value.elements())
        return Value()
    if name in ("pop", "popleft", "values", "items", "copy", "index", "count", "sort"):
        for function in (function for value in given for function in value.functions):
            tracer.bind(function, [receiver.elements()], {})
        found = Value(items=receiver.items) if receiver.items is not None else Value()
        return joined(
            found, *([receiver.items] if receiver.items is not None else []), receiver if name == "copy" else Value()
        )
    receiver.use()
    return other_call(tracer, name, given)


def other_call(tracer, name: str, given: list[Value]) -> Value:
    """Calls what is not a function of the program."""
    if name in ("len", "bool"):
        for value in given:
            value.elements() if name == "len" else value.use()
        return Value()
    values = [value for value in given if not value.functions]
    if name not in THROUGH or (name in ("max", "min") and len(values) > 1):
        for value in values:
            value.use()
        return joined(*values) if name in THROUGH else Value()
    items = joined(*(value.elements() for value in values))
    # Functions such as those of `reduce` take two.
    results = joined(*(tracer.bind(function, [items, items], {}) for value in given for function in value.functions))
    if name not in GIVE_RESULTS:
        results.use()
    return collection(name, [value.elements() for value in values], items, results)


def collection(name: str, elements: list[Value], items: Value, results: Value) -> Value:
    """What a function makes of collections with these elements, all of which are `items`."""
    if name in ONE:
        # The numbers of an array may be added up, or be the largest.
        items.use()
        return joined(items, results) if name == "reduce" else items
    if name in TUPLES:
        parts = [Value(), items] if name == "enumerate" else elements if len(elements) > 1 else [items, items]
        return Value(items=Value(items=items, parts=parts))
    if name == "groupby":
        return Value(items=Value(items=items, parts=[results, Value(items=items)]))
    if name in GIVE_RESULTS:
        # Other functions, such as `float`, look at what they are given.
        items.use()
        return Value(items=results)
    return Value(items=items)
