"""Every change of one module, made from its syntax tree: what a slip of the hand, or of a later change, would do.

A comparison's edge or its opposite, a condition without one of its parts, a number one off, another text, an
argument, a member or an exception left out, a statement not run, nothing returned. What only words or speed depend
on stays: messages of errors, docstrings, annotations, decorators, sizes of caches.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitAnd,
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
_METHODS = frozenset({"lower", "upper", "strip", "casefold"})
# Calls whose texts are for people.
_WORDS = ("Error", "refusal", "warning")
_PASSED_OVER = frozenset({"maxsize", "detail"})

_Node = ast.expr | ast.stmt | ast.keyword
_Part = tuple[
    Sequence[_Node], str
]  # neighbours, the first and last of which say where; and what stands there instead


@dataclass(frozen=True, slots=True)
class Change:
    """`before` becomes `after` in `scope`, a class or function of the module at `path`; `count` tells it from
    equal ones before it. `start` and `end` are offsets in the module's bytes, `line` counts from 1.
    `function` is the outermost function that it is in; what is in none runs when the module is imported."""

    path: str
    scope: str
    before: str
    after: str
    line: int = field(compare=False)
    last_line: int = field(compare=False)
    start: int = field(compare=False)
    end: int = field(compare=False)
    function: str = field(compare=False)
    count: int = 1

    @property
    def where(self) -> str:
        """The module, and the function or class in it."""
        return f"{self.path} {self.scope}".rstrip()

    @property
    def what(self) -> str:
        """The change in one line."""
        times = f" ({self.count})" if self.count > 1 else ""
        return f"{_one_line(self.before)} -> {_one_line(self.after)}{times}"

    def applied(self, source: bytes) -> bytes:
        """`source` with this change."""
        return source[: self.start] + self.after.encode() + source[self.end :]


def changes(path: str, source: bytes) -> list[Change]:
    """Every change of the module at `path`, in the order of its lines."""
    found = list(_Reader(path, source).read())
    counts: Counter[tuple[str, str, str]] = Counter()
    numbered: list[Change] = []
    for change in sorted(found, key=lambda change: (change.start, change.end)):
        name = change.scope, _one_line(change.before), _one_line(change.after)
        counts[name] += 1
        numbered.append(replace(change, count=counts[name]))
    return numbered


def _one_line(text: str) -> str:
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node stands; `words` says that its texts are read by people alone."""

    scope: str = ""
    function: str = ""
    words: bool = False

    def within(self, node: ast.AST) -> "_Place":
        """The place of what is in `node`."""
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            named = f"{self.scope}.{node.name}".lstrip(".")
            outermost = self.function or (named if isinstance(node, ast.FunctionDef) else "")
            return replace(self, scope=named, function=outermost)
        words = isinstance(node, ast.Raise) or (isinstance(node, ast.Call) and _is_for_people(node))
        return replace(self, words=self.words or words)


class _Reader:
    """Walks one module."""

    def __init__(self, path: str, source: bytes) -> None:
        self._path, self._source = path, source
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def read(self) -> Iterator[Change]:
        yield from self._walk(ast.parse(self._source), _Place())

    def _walk(self, node: ast.AST, place: "_Place") -> Iterator[Change]:
        """The changes of `node` and of all in it."""
        place = place.within(node)
        for part, after in _of(node, words=place.words):
            start, end = self._span(part)
            before = self._source[start:end].decode()
            lines = part[0].lineno, part[-1].end_lineno or part[-1].lineno
            yield Change(self._path, place.scope, before, after, *lines, start, end, place.function)
        for child in _children(node):
            # A default is made when its function is.
            default = isinstance(node, ast.arguments) and isinstance(child, ast.expr)
            yield from self._walk(child, replace(place, function="") if default else place)

    def _span(self, nodes: Sequence[_Node]) -> tuple[int, int]:
        first, last = nodes[0], nodes[-1]
        end_line, end_column = last.end_lineno or 0, last.end_col_offset or 0
        return self._lines[first.lineno - 1] + first.col_offset, self._lines[end_line - 1] + end_column


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """What in `node` is changed: neither annotations nor decorators nor docstrings. The parts of an f-string have
    no place of their own in Python 3.11."""
    if isinstance(node, ast.JoinedStr):
        return
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "bases", "type_params"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_passed_over(child):
                yield child


def _is_passed_over(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.If(test=ast.Name("TYPE_CHECKING")):
            return True
        case ast.Call(func=ast.Name("TypeVar")):
            return True
        case ast.keyword(arg=name):
            return name in _PASSED_OVER
    return False


def _is_for_people(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name.endswith(_WORDS)


def _of(node: ast.AST, *, words: bool) -> Iterator[_Part]:
    """The changes of `node` itself: what is replaced, and by what."""
    match node:
        case ast.JoinedStr():
            if not words:
                yield [node], f"('x' + {ast.unparse(node)})"
        case ast.Constant():
            yield from (([node], text) for text in _constants(node, words=words))
        case ast.expr():
            yield from _without_one(node)
            yield from (([node], _text(each)) for each in (*_operations(node), *_parts(node)))
        case ast.ExceptHandler():
            yield from _handlers(node)
        case ast.comprehension():
            yield from (([condition], "True") for condition in node.ifs)
        case ast.stmt():
            yield from _statements(node)


def _text(node: ast.expr) -> str:
    text = ast.unparse(node)
    return f"({text})" if isinstance(node, ast.Compare | ast.BoolOp | ast.BinOp | ast.UnaryOp) else text


def _constants(node: ast.Constant, *, words: bool) -> Iterator[str]:
    match node.value:
        case bool():
            yield str(not node.value)
        case int() | float():
            yield repr(node.value + 1)
            yield f"({node.value - 1!r})" if node.value < 1 else repr(node.value - 1)
        case str() if not words:
            yield repr(f"x{node.value}")
        case bytes():
            yield repr(b"x" + node.value)


def _without_one(node: ast.expr) -> Iterator[_Part]:
    """`node` without one of its arguments, members, conditions or bounds."""
    match node:
        case ast.Call():
            yield from (([each], "**{}") for each in node.keywords if each.arg and each.arg not in _PASSED_OVER)
        case ast.Dict():
            yield from (([key, value], "**{}") for key, value in zip(node.keys, node.values, strict=True) if key)
        case ast.BoolOp():
            nothing = "True" if isinstance(node.op, ast.And) else "False"
            yield from (([value], nothing) for value in node.values)
        case ast.List(ctx=ast.Load()) | ast.Set():
            yield from (([each], "*()") for each in node.elts)


def _operations(node: ast.expr) -> Iterator[ast.expr]:
    """What may stand in the place of an operation."""
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                for other in _COMPARISONS[type(operator)]:
                    ops = [*node.ops[:index], other(), *node.ops[index + 1 :]]
                    yield ast.Compare(node.left, ops, node.comparators)
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp():
            yield ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right)


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    """What may stand in the place of a choice, a call or a slice: one part of it, or another call."""
    match node:
        case ast.IfExp():
            yield from (node.body, node.orelse)
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            yield ast.Call(ast.Name(_CALLS[name]), node.args, node.keywords)
        case ast.Call(func=ast.Name("suppress")):
            yield ast.Call(node.func, [], [])
        case ast.Call(func=ast.Attribute(value=owner, attr=name), args=[]) if name in _METHODS:
            yield owner
        case ast.Slice():
            if node.lower:
                yield ast.Slice(None, node.upper, node.step)
            if node.upper:
                yield ast.Slice(node.lower, None, node.step)


def _handlers(node: ast.ExceptHandler) -> Iterator[_Part]:
    if isinstance(node.type, ast.Tuple):
        yield from (([each], "*()") for each in node.type.elts)
    if ast.unparse(node.body[0]) != "raise":
        yield list(node.body), "raise"


def _statements(node: ast.stmt) -> Iterator[_Part]:
    match node:
        case ast.Return(value=ast.expr()) if ast.unparse(node) not in ("return None", "return False"):
            yield [node], "return None"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]) | ast.Expr(value=ast.Call()):
            yield [node], "pass"
        case ast.If() | ast.While() if not isinstance(node.test, ast.Compare | ast.UnaryOp):
            yield [node.test], f"not ({ast.unparse(node.test)})"
        case ast.Raise() | ast.AugAssign() | ast.Delete() | ast.Continue() | ast.Break():
            yield [node], "pass"
            if isinstance(node, ast.AugAssign):
                yield [node], ast.unparse(ast.AugAssign(node.target, _OPERATORS[type(node.op)](), node.value))
