"""Instances of ordinary classes across the border: every call is made in CPython and compiled, on arguments made alike,
and what comes back and what the arguments have become must be the same, the same objects included."""

from __future__ import annotations

import dataclasses
import gc
import resource
from typing import Any, NamedTuple

import pytest

import fuseline as fl


class Node:
    def __init__(self, data, next=None):
        self.data = data
        self.next = next


class Tree:
    def __init__(self, value):
        self.value = value
        self.left = None
        self.right = None

    def depth(self):
        left = self.left.depth() if self.left else 0
        right = self.right.depth() if self.right else 0
        return 1 + max(left, right)


class Account:
    bank = "Savings"
    rate = 0.5

    def __init__(self, owner: str, balance: float = 0.0):
        self.owner = owner
        self.__balance = balance
        self.history = []

    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("amount must be positive")
        self.__balance += amount
        self.history.append(("deposit", amount))
        return self.__balance

    def interest(self):
        return self.__balance * self.rate


class Vertex:
    def __init__(self, name):
        self.name = name
        self.neighbours = []
        self.seen = False


class Animal:
    def __init__(self, name):
        self.name = name

    def sound(self):
        return "..."


class Dog(Animal):
    def sound(self):
        return self.name + " barks"


class Slotted:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y


@dataclasses.dataclass
class Item:
    name: str
    price: float
    tags: list[str] = dataclasses.field(default_factory=list)


class Stack:
    def __init__(self):
        self.items = []

    def push(self, item):
        self.items.append(item)

    def pop(self):
        if not self.items:
            raise IndexError("pop from an empty stack")
        return self.items.pop()

    def __len__(self):
        return len(self.items)


class Color:
    """Compared by what it is."""

    def __init__(self, name):
        self.name = name

    def __eq__(self, other):
        return self.name == other.name

    def __hash__(self):
        return hash(self.name)


def form(value: Any, numbers: dict[int, int] | None = None, kept: list[Any] | None = None) -> Any:
    """What a value is, with a number for each object that can be changed: two forms are equal when the objects in one
    are shared as those in the other."""
    numbers = {} if numbers is None else numbers
    kept = [] if kept is None else kept
    kind = type(value).__qualname__
    if isinstance(value, (int, float, str, bytes, type(None))) or callable(value):
        return kind, repr(value)
    if isinstance(value, tuple):
        return kind, tuple(form(item, numbers, kept) for item in value)
    if id(value) in numbers:
        return kind, numbers[id(value)]
    numbers[id(value)] = number = len(numbers)
    kept.append(value)
    if isinstance(value, dict):
        return kind, number, [(form(key, numbers, kept), form(item, numbers, kept)) for key, item in value.items()]
    if isinstance(value, (list, set)):
        return kind, number, [form(item, numbers, kept) for item in value]
    names = vars(value) if hasattr(value, "__dict__") else [n for n in type(value).__slots__ if hasattr(value, n)]
    return kind, number, sorted((name, form(getattr(value, name), numbers, kept)) for name in names)


def check(function, make, calls: int = 1) -> None:
    """``calls`` calls in a row on arguments that ``make`` makes, here and compiled."""
    compiled = fl.compile(function)
    theirs, ours = make(), make()
    for _ in range(calls):
        outcomes = []
        for called, args in ((function, theirs), (compiled, ours)):
            try:
                outcomes.append(("returned", called(*args)))
            except fl.CompileError:
                raise
            except Exception as error:
                outcomes.append(("raised", type(error).__name__, str(error)))
        assert form((outcomes[0], theirs)) == form((outcomes[1], ours))


def linked(*values):
    head = None
    for value in reversed(values):
        head = Node(value, head)
    return head


def reverse(head):
    previous = None
    while head:
        head.next, previous, head = previous, head, head.next
    return previous


def total(head):
    found = 0
    while head is not None:
        found += head.data
        head = head.next
    return found


def insert(root, value):
    if root is None:
        return Tree(value)
    if value < root.value:
        root.left = insert(root.left, value)
    else:
        root.right = insert(root.right, value)
    return root


def tree(*values):
    root = None
    for value in values:
        root = insert(root, value)
    return root


def test_linked_lists():
    for values in [(), (1,), (1, 2, 3, 4, 5)]:
        check(reverse, lambda values=values: (linked(*values),), calls=2)
        check(total, lambda values=values: (linked(*values),))
    check(total, lambda: (linked(1, 2.5, True),))


def build(values: list[int]):
    head = None
    for value in values:
        head = Node(value, head)
    return head


def test_new_instances_are_made():
    check(build, lambda: ([1, 2, 3],))
    check(build, lambda: ([],))
    assert type(fl.compile(build)([1])) is Node


def test_trees():
    compiled = fl.compile(insert)
    root = None
    for value in (5, 2, 8, 1, 9, 3):
        grown = compiled(root, value)
        assert root is None or grown is root
        root = grown
    assert form(root) == form(tree(5, 2, 8, 1, 9, 3))
    check(lambda root: root.depth(), lambda: (tree(5, 2, 8, 1, 9, 3),))

    def invert(root):
        if root is not None:
            root.left, root.right = invert(root.right), invert(root.left)
        return root

    check(invert, lambda: (tree(4, 2, 7, 1, 3, 6, 9),), calls=2)


def visit(start):
    order = []
    waiting = [start]
    while waiting:
        vertex = waiting.pop(0)
        if vertex.seen:
            continue
        vertex.seen = True
        order.append(vertex.name)
        for other in vertex.neighbours:
            waiting.append(other)
    return order


def ring():
    a, b, c = Vertex("a"), Vertex("b"), Vertex("c")
    a.neighbours, b.neighbours, c.neighbours = [b, c], [c, a], [a, a, b]
    return (a,)


def test_cycles_and_shared_instances():
    check(visit, ring, calls=2)

    def closed(head):
        slow = fast = head
        while fast and fast.next:
            slow, fast = slow.next, fast.next.next
            if slow is fast:
                return True
        return False

    def circle():
        head = linked(1, 2, 3, 4)
        head.next.next.next.next = head.next
        return (head,)

    check(closed, circle)
    check(closed, lambda: (linked(1, 2, 3, 4),))


def test_instances_in_containers():
    def swap(nodes):
        nodes["a"].data, nodes["b"].data = nodes["b"].data, nodes["a"].data
        nodes["c"] = nodes["a"]
        return [nodes["b"], nodes["a"], nodes["b"]]

    check(swap, lambda: ({"a": Node(1), "b": Node(2)},))

    def pair(node):
        return (node, [node], node.next)

    check(pair, lambda: (linked(1, 2),))


def test_methods_private_attributes_and_attributes_of_the_class():
    check(lambda account: account.deposit(5), lambda: (Account("Ada", 1.5),), calls=3)
    check(lambda account: account.interest(), lambda: (Account("Ada", 10.0),))
    check(Account.deposit, lambda: (Account("Ada", 10.0), 3))
    check(lambda account: account.bank, lambda: (Account("Ada"),))
    account = Account("Ada", 10.0)
    compiled = fl.compile(lambda account: account.interest())
    assert compiled(account) == 5.0
    account.rate = 0.25
    assert compiled(account) == 2.5
    del account.rate
    Account.rate = 1.0
    try:
        assert compiled(account) == 10.0
    finally:
        Account.rate = 0.5


def test_what_was_stored_before_an_exception_stays():
    def overdraw(account, amount):
        account.owner = "Grace"
        account.deposit(1)
        account.deposit(amount)

    check(overdraw, lambda: (Account("Ada", 1.0), -2))


def test_subclasses():
    def chorus(animals):
        return [animal.sound() for animal in animals]

    check(chorus, lambda: ([Animal("x"), Dog("Rex"), Animal("y")],))
    check(lambda animal: animal.sound(), lambda: (Dog("Rex"),))


def test_slots():
    def turn(point):
        point.x, point.y = -point.y, point.x
        return point

    check(turn, lambda: (Slotted(1, 2.5),), calls=2)
    check(lambda x: Slotted(x, x), lambda: (3,))


def test_dataclasses_that_can_be_changed():
    def raise_price(items, by):
        for item in items:
            item.price += by
            item.tags.append("raised")
        return max(items, key=lambda item: item.price)

    def items():
        first = Item("a", 1.0)
        return ([first, Item("b", 2.0, ["new"]), first], 1.5)

    check(raise_price, items, calls=2)
    check(lambda item: item == Item("a", 1.0), lambda: (Item("a", 1.0),))


def test_attributes_that_the_program_does_not_know_stay():
    def bump(node):
        node.data += 1
        return node

    def make():
        node = Node(1)
        node.note = "kept"
        node.handle = print
        return (node,)

    check(bump, make)
    node = make()[0]
    assert fl.compile(bump)(node).handle is print
    with pytest.raises(fl.CompileError, match="`handle` of this `Node` is an object of class"):
        fl.compile(lambda node: node.handle)(node)
    assert fl.compile(lambda node: node.note)(node) == "kept"


def test_missing_attributes_raise():
    def make():
        node = Node(1)
        del node.data
        return (node,)

    check(lambda node: node.data, make)

    def fill(node):
        node.data = 7

    check(fill, make)


def test_a_stack_and_its_methods():
    def use(stack):
        stack.push(1)
        stack.push(2)
        return stack.pop() + len(stack)

    check(use, lambda: (Stack(),), calls=3)
    check(Stack.pop, lambda: (Stack(),))


def test_types_of_fields_that_disagree():
    def text(head):
        return head.data + "!"

    with pytest.raises((fl.CompileError, TypeError)):
        fl.compile(text)(linked(1))
    assert fl.compile(text)(linked("a")) == "a!"

    def mixed(head):
        found = []
        while head:
            found.append(head.data)
            head = head.next
        return found

    check(mixed, lambda: (linked(1, "a", None, 2.5),))


def test_what_cannot_be_handed_over_is_refused():
    class Local:
        def __init__(self):
            self.x = 1

    with pytest.raises(TypeError, match="the source of the class cannot be found"):
        fl.compile(lambda value: value.x)(Local())
    with pytest.raises(TypeError, match="an object of class `object`"):
        fl.compile(lambda value: value)(object())
    with pytest.raises(TypeError, match="has an `__eq__` of its own"):
        fl.compile(lambda colors: len(colors))({Color("red"): 1})
    hidden = Stack()
    hidden.push = 5
    with pytest.raises(TypeError, match="is not what its class says"):
        fl.compile(lambda stack: stack.push(1))(hidden)


def test_long_lists_neither_loop_nor_overflow():
    count = 100_000
    head = linked(*range(count))
    compiled = fl.compile(reverse)
    last = compiled(head)
    assert last.data == count - 1
    assert fl.compile(total)(last) == count * (count - 1) // 2
    made = fl.compile(build)(list(range(count)))
    assert fl.compile(total)(made) == count * (count - 1) // 2


def test_memory_is_flat():
    compiled = fl.compile(reverse)
    grow = fl.compile(build)

    def rounds(count):
        for _ in range(count):
            compiled(compiled(linked(1, 2, 3, 4, 5)))
            grow([1, 2, 3])

    rounds(3_000)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rounds(30_000)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 4_096


class Place(NamedTuple):
    x: float
    name: str


@dataclasses.dataclass(frozen=True)
class Part:
    n: int


@dataclasses.dataclass(frozen=True)
class Wheel(Part):
    spokes: int


@pytest.mark.parametrize("value", [Place(1.5, "a"), Part(3), Wheel(3, 32), (1.5, "a")])
def test_the_class_of_an_argument_is_known(value):
    def tests(value):
        return isinstance(value, Place), isinstance(value, tuple), isinstance(value, Part), type(value) is Part

    def kind(value):
        match value:
            case Place(x=x):
                return x
            case Part(n=3):
                return 3.0
            case _:
                return -1.0

    for function in (tests, kind):
        try:
            found = fl.compile(function)(value)
        except fl.CompileError as error:
            assert "Wheel" in str(error)
        else:
            assert found == function(value)
