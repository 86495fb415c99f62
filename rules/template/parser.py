"""Tokens to a tree. Everything Go checks at parse time is checked here: functions, variables, nesting, pipelines."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rules.template.lexer import Kind, TemplateError, Token, tokenize
from rules.template.nodes import (
    Action,
    Body,
    Break,
    Chain,
    Command,
    Continue,
    Dot,
    Function,
    If,
    Include,
    Literal,
    Nil,
    Node,
    Operand,
    Pipeline,
    Range,
    Text,
    Tree,
    Variable,
    With,
)

MAX_SOURCE = 64 * 1024
MAX_DEPTH = 40
"""Nesting of control structures and parentheses; the reader of the tree recurses as deep."""


_KEYWORDS = frozenset({"if", "else", "end", "with", "range", "define", "template", "block", "break", "continue"})
_CONTROL: dict[str, type[If] | type[With] | type[Range]] = {"if": If, "with": With, "range": Range}


def parse(source: str, functions: Collection[str], variables: Sequence[str]) -> Tree:
    """The tree of a template that may use these functions and, outside of ``define``, these variables."""
    if len(source) > MAX_SOURCE:
        raise TemplateError(f"the template is longer than {MAX_SOURCE} characters")
    return _Parser(tokenize(source), functions, variables).run()


class _Parser:
    def __init__(self, tokens: list[Token], functions: Collection[str], variables: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._functions = functions
        self._variables = ["$", *variables]
        self._depth = 0
        self._loops = 0
        self._tree = Tree()

    def run(self) -> Tree:
        self._tree.body, end = self._body()
        if end is not None:
            hint = "remove it, or open an if, range or with before"
            raise TemplateError(f"unexpected {{{{{end}}}}}", self._tokens[self._at - 1].at, hint)
        return self._tree

    # Tokens

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += token.kind is not Kind.END
        return token

    def _skip_space(self) -> Token:
        while self._peek().kind is Kind.SPACE:
            self._at += 1
        return self._peek()

    def _expect(self, kind: Kind, where: str) -> Token:
        self._skip_space()
        token = self._next()
        if token.kind is not kind:
            hint = "the name stands in quotes" if kind is Kind.STRING else ""
            raise TemplateError(f"unexpected {_shown(token)} in {where}", token.at, hint)
        return token

    def _error(self, message: str, hint: str = "") -> TemplateError:
        return TemplateError(message, self._peek().at, hint)

    # Lists of nodes

    def _body(self) -> tuple[Body, str | None]:
        """Nodes up to ``{{else`` or ``{{end``, whose word comes second (its action is not yet read), or to the end."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH} levels")
        nodes: list[Node] = []
        while True:
            token = self._next()
            if token.kind is Kind.END:
                self._depth -= 1
                return tuple(nodes), None
            if token.kind is Kind.TEXT:
                nodes.append(Text(str(token.value)))
                continue
            word = self._skip_space()
            keyword = str(word.value) if word.kind is Kind.IDENT and word.value in _KEYWORDS else ""
            if keyword in ("else", "end"):
                self._at += 1
                self._depth -= 1
                return tuple(nodes), keyword
            node = self._keyword(keyword) if keyword else Action(self._pipeline(Kind.RIGHT, "command"))
            if node is not None:
                nodes.append(node)

    def _keyword(self, keyword: str) -> Node | None:
        self._at += 1
        if keyword in _CONTROL:
            return self._control(keyword)
        if keyword in ("break", "continue"):
            if not self._loops:
                raise TemplateError(f"{{{{{keyword}}}}} outside {{{{range}}}}", self._tokens[self._at - 1].at)
            self._expect(Kind.RIGHT, keyword)
            return Break() if keyword == "break" else Continue()
        if keyword == "define" and self._depth > 1:
            hint = "define templates outside of if, range, with and other templates"
            raise TemplateError("unexpected {{define}}", self._tokens[self._at - 1].at, hint)
        name = self._expect(Kind.STRING, keyword)
        if keyword == "define":
            self._expect(Kind.RIGHT, "define")
            self._define(str(name.value))
            return None
        pipe = None
        if self._skip_space().kind is Kind.RIGHT:
            self._at += 1
        else:
            pipe = self._pipeline(Kind.RIGHT, keyword)
        if keyword == "block":
            if pipe is None:
                raise TemplateError("missing value for block clause", name.at)
            self._define(str(name.value))
        return Include(str(name.value), pipe, name.at)

    def _define(self, name: str) -> None:
        outer, loops = self._variables, self._loops
        self._variables, self._loops = ["$"], 0
        at = self._peek().at
        body, end = self._body()
        if end != "end":
            raise TemplateError(f'define "{name}" has no {{{{end}}}}', at, "add {{end}}")
        self._expect(Kind.RIGHT, "end")
        self._variables, self._loops = outer, loops
        if not _empty(body):
            if not _empty(self._tree.defined.get(name, ())):
                raise TemplateError(f'multiple definition of template "{name}"', at, "give one of them another name")
            self._tree.defined[name] = body
        self._tree.defined.setdefault(name, body)

    def _control(self, keyword: str) -> Node:
        at = self._tokens[self._at - 1].at
        scope = len(self._variables)
        pipe = self._pipeline(Kind.RIGHT, keyword)
        self._loops += keyword == "range"
        then, end = self._body()
        self._loops -= keyword == "range"
        otherwise: Body = ()
        if end == "else":
            following = self._skip_space()
            if following.kind is Kind.IDENT and following.value in ("if", "with") and keyword != "range":
                if following.value != keyword:
                    raise self._error(f"unexpected <{following.value}> in {keyword}'s else")
                self._at += 1
                self._depth += 1
                otherwise = (self._control(keyword),)  # reads the {{end}} of the whole chain
                self._depth -= 1
                del self._variables[scope:]
                return _CONTROL[keyword](pipe, then, otherwise)
            self._expect(Kind.RIGHT, "else")
            otherwise, end = self._body()
        if end != "end":
            what = "has no {{end}}" if end is None else "has a second {{else}}"
            raise TemplateError(
                f"{{{{{keyword}}}}} {what}", at, "add {{end}}" if end is None else "keep one of the two"
            )
        self._expect(Kind.RIGHT, "end")
        del self._variables[scope:]
        return _CONTROL[keyword](pipe, then, otherwise)

    # Pipelines

    def _pipeline(self, closing: Kind, where: str) -> Pipeline:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH} levels")
        variables, declare = self._declaration(where)
        # As in Go, a name is known from here on, also in its own value and when it was never declared; using it before
        # it has a value is an error of the expansion.
        self._variables.extend(variables)
        commands: list[Command] = []
        while True:
            token = self._skip_space()
            if token.kind is closing:
                if not commands:
                    raise self._error(f"missing value for {where}", "write a value, or remove the braces")
                self._at += 1
                break
            command = self._command(where)
            if commands and isinstance(command.args[0], Literal | Dot | Nil):
                message = f"non executable command in pipeline stage {len(commands) + 1}"
                raise TemplateError(message, command.at, "a function must follow each |")
            commands.append(command)
            token = self._skip_space()
            if token.kind is Kind.PIPE:
                self._at += 1
            elif token.kind is not closing:
                hint = "separate arguments with blanks" if token.kind is Kind.COMMA else ""
                raise TemplateError(f"unexpected {_shown(token)} in {where}", token.at, hint)
        self._depth -= 1
        self._note_queries(commands)
        return Pipeline(tuple(commands), variables, declare)

    def _declaration(self, where: str) -> tuple[tuple[str, ...], bool]:
        start = self._at
        names: list[str] = []
        while self._skip_space().kind is Kind.VARIABLE:
            names.append(str(self._next().value))
            token = self._skip_space()
            if token.kind in (Kind.DECLARE, Kind.ASSIGN):
                self._at += 1
                if len(names) > (2 if where == "range" else 1):
                    raise self._error(f"too many declarations in {where}")
                return tuple(names), token.kind is Kind.DECLARE
            if token.kind is not Kind.COMMA or where != "range":
                break
            self._at += 1
        self._at = start
        return (), True

    def _command(self, where: str) -> Command:
        at = self._peek().at
        args: list[Operand] = []
        while True:
            operand = self._operand()
            if operand is None:
                raise TemplateError(f"unexpected {_shown(self._peek())} in {where}", self._peek().at)
            args.append(operand)
            if self._peek().kind is not Kind.SPACE:
                break
            if self._skip_space().kind in (Kind.PIPE, Kind.CLOSE, Kind.RIGHT):
                break
        return Command(tuple(args), at)

    def _operand(self) -> Operand | None:
        token = self._skip_space()
        base: Operand
        match token.kind:
            case Kind.IDENT:
                base = self._word(str(token.value))
            case Kind.STRING | Kind.NUMBER:
                base = Literal(token.value)
            case Kind.DOT | Kind.FIELD:
                base = Dot()
            case Kind.VARIABLE:
                self._check_variable(str(token.value))
                base = Variable(str(token.value))
            case Kind.OPEN:
                self._at += 1
                base = self._pipeline(Kind.CLOSE, "parenthesized pipeline")
            case _:
                return None
        if token.kind not in (Kind.OPEN, Kind.FIELD):
            self._at += 1
        fields: list[str] = []
        while self._peek().kind is Kind.FIELD:
            fields.append(str(self._next().value))
        if not fields:
            return base
        if isinstance(base, Literal | Nil) or token.kind is Kind.DOT:
            raise self._error(f"unexpected . after term {_shown(token)}")
        return Chain(base, tuple(fields))

    def _word(self, word: str) -> Operand:
        if word in ("true", "false"):
            return Literal(word == "true")
        if word == "nil":
            return Nil()
        if word in _KEYWORDS:
            raise self._error(f"unexpected <{word}>")
        if word not in self._functions:
            raise self._error(f'function "{word}" not defined', _nearest(word, self._functions))
        self._tree.functions.add(word)
        return Function(word)

    def _check_variable(self, name: str) -> None:
        if name not in self._variables:
            raise self._error(f'undefined variable "{name}"', _nearest(name, self._variables))

    def _note_queries(self, commands: list[Command]) -> None:
        before: Command | None = None
        for command in commands:
            if command.args[0] == Function("query"):
                sources = command.args[1:] if len(command.args) > 1 or before is None else before.args
                self._tree.queries.update(str(arg.value) for arg in sources if isinstance(arg, Literal))
            before = command


def _empty(body: Body) -> bool:
    """Whether a definition is nothing but blanks; another one may then take its place."""
    return all(isinstance(node, Text) and not node.text.strip() for node in body)


def _shown(token: Token) -> str:
    names = {Kind.END: "end of template", Kind.TEXT: "text", Kind.SPACE: "space"}
    return names.get(token.kind) or f'"{str(token.value)[:40]}"'


_SLIPS = {
    "elseif": "write {{ else if ... }}",
    "elif": "write {{ else if ... }}",
    "endif": "write {{ end }}",
    "endfor": "write {{ end }}",
    "for": "write {{ range ... }}",
    "foreach": "write {{ range ... }}",
    "upper": "did you mean toUpper?",
    "lower": "did you mean toLower?",
    "default": "write {{ with ... }}...{{ else }}...{{ end }}",
    "value": "the value of the alert is $value",
    "labels": "the labels of the alert are $labels",
}


def _nearest(word: str, known: Collection[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    if word in _SLIPS:
        return _SLIPS[word]
    near = get_close_matches(word[:60], sorted(set(known) - {"$"}), n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"known: {', '.join(sorted(set(known) - {'$'}))}" if word.startswith("$") and len(known) > 1 else ""
