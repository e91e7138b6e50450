"""Finds which fields of an alert a program reads, from its syntax tree.

A variable has one value in all of its function, which is everything that is ever assigned to it, and a function has one
for all of its calls. That finds too many fields in rare cases, and costs little. What it can't see (keys that are
computed, attributes of the program's own classes) the program names in FIELDS.
"""

from __future__ import annotations

import ast

from . import calls
from .places import Place, Value, joined

# How often the program is gone through until nothing new is found.
PASSES = 20


class Scope:
    """The variables of a function, or of the module."""

    def __init__(self, outer: Scope | None = None):
        self.outer = outer
        self.variables: dict[str, Value] = {}

    def find(self, name: str) -> Value | None:
        found = self.variables.get(name)
        return found if found is not None or self.outer is None else self.outer.find(name)


def places_read(tree: ast.Module, function: str) -> Place:
    """The alert with the places that the program reads. The function of this name is given the alert."""
    alert = Place()
    tracer = Tracer()
    for _ in range(PASSES):
        tracer.changed = False
        tracer.body(tree.body)
        main = tracer.scope.variables.get(function, Value())
        for callee in main.functions:
            tracer.bind(callee, [Value(alert)], {}).use()
        for callee, returned in tracer.returned.items():
            if callee not in tracer.called:
                returned.use()
        if not tracer.changed:
            break
    return alert


class Tracer:
    """Goes through the statements of a program."""

    def __init__(self):
        self.scope = Scope()
        self.scopes: dict[ast.AST, Scope] = {}
        self.returned: dict[ast.AST, Value] = {}
        self.called: set[ast.AST] = set()
        self.function: ast.AST | None = None
        self.changed = False

    def body(self, statements):
        for statement in statements:
            self.statement(statement)

    def statement(self, node):
        match node:
            case ast.FunctionDef():
                self.assign(node.name, self.define(node))
                for decorator in node.decorator_list:
                    self.value(decorator)
            case ast.ClassDef():
                # A method's own variables are its own; what a class has is not followed.
                self.body(node.body)
            case ast.Assign(targets=targets, value=value):
                given = self.value(value)
                for target in targets:
                    self.bind_target(target, given)
            case ast.AnnAssign(target=target, value=value) if value is not None:
                self.bind_target(target, self.value(value))
            case ast.AugAssign(target=target, value=value):
                given = self.value(value)
                self.bind_target(target, given)
                joined(self.value(target), given).use()
            case ast.For(target=target, iter=iterated):
                self.bind_target(target, self.value(iterated).elements())
                self.body(node.body + node.orelse)
            case ast.Return(value=value) if value is not None:
                self.give_back(self.value(value))
            case ast.Match(subject=subject, cases=cases):
                self.match(self.value(subject), cases)
            case _:
                self.parts(node)

    def parts(self, node):
        """Goes through a statement that only has others, and expressions."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                # A statement that consists of an expression, or a condition, looks at its truth.
                self.value(child).use()
            elif isinstance(child, ast.withitem):
                self.value(child.context_expr)
            elif isinstance(child, (ast.stmt, ast.ExceptHandler)):
                self.statement(child)

    def match(self, subject: Value, cases):
        subject.use()
        for case in cases:
            for part in ast.walk(case.pattern):
                if isinstance(part, ast.MatchMapping):
                    for key, pattern in zip(part.keys, part.patterns):
                        if isinstance(key, ast.Constant) and isinstance(key.value, str):
                            found = Value(*(place.child(key.value) for place in subject.places))
                            found.use()
                            if isinstance(pattern, ast.MatchAs) and pattern.name:
                                self.assign(pattern.name, found)
            if case.guard is not None:
                self.value(case.guard)
            self.body(case.body)

    def assign(self, name: str, value: Value):
        variable = self.scope.variables.setdefault(name, Value())
        self.changed |= variable.join(value)

    def bind_target(self, target, value: Value):
        match target:
            case ast.Name(id=name):
                self.assign(name, value)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                starred = any(isinstance(part, ast.Starred) for part in parts)
                values = [value.elements()] * len(parts) if starred else value.unpacked(len(parts))
                for part, given in zip(parts, values):
                    if isinstance(part, ast.Starred):
                        self.bind_target(part.value, Value(items=given))
                    else:
                        self.bind_target(part, given)
            case ast.Subscript(value=collection):
                self.put_into(self.value(collection), value)
                value.use()
            case _:
                # Attributes are not followed.
                value.use()

    def put_into(self, collection: Value, value: Value):
        """Takes note that a collection contains a value."""
        self.changed |= collection.join(Value(items=value))

    def define(self, node) -> Value:
        """A function or lambda, whose body is gone through now."""
        scope = self.scopes.setdefault(node, Scope(self.scope))
        arguments = node.args
        for argument, default in zip(reversed(arguments.posonlyargs + arguments.args), reversed(arguments.defaults)):
            self.changed |= scope.variables.setdefault(argument.arg, Value()).join(self.value(default))
        outer, self.scope = self.scope, scope
        function, self.function = self.function, node
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            scope.variables.setdefault(argument.arg, Value())
        if isinstance(node, ast.Lambda):
            self.give_back(self.value(node.body))
        else:
            self.body(node.body)
        self.scope, self.function = outer, function
        return Value(function=node)

    def give_back(self, value: Value):
        if self.function is not None:
            self.changed |= self.returned.setdefault(self.function, Value()).join(value)

    def bind(self, function, given: list[Value], named: dict[str, Value]) -> Value:
        """Calls a function of the program. Returns what it can return."""
        self.called.add(function)
        scope = self.scopes[function]
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        pairs = [*zip(names, given), *named.items()]
        if function.args.vararg is not None and len(given) > len(names):
            pairs.append((function.args.vararg.arg, Value(items=joined(*given[len(names) :]))))
        for name, value in pairs:
            self.changed |= scope.variables.setdefault(name, Value()).join(value)
        return self.returned.setdefault(function, Value())

    def value(self, node) -> Value:
        """What an expression can be."""
        return calls.expression(self, node)
