"""Variables of the module, of functions around and of classes that compiled functions assign."""

import enum
import math

import pytest

import fuseline as fl

count = 0
last = None
memo: dict = {}


class Ticket:
    made = 0
    log: list = []

    def __init__(self, owner):
        Ticket.made += 1
        self.owner = owner
        self.log.append(owner)

    def number(self):
        return Ticket.made

    def both(self):
        Ticket.step += 1
        self.step = 3
        return self.step

    step = 0


class Base:
    def __init__(self):
        self.__x = 1

    def base(self):
        self.__x += 1
        return self.__x


class Derived(Base):
    def __init__(self):
        super().__init__()
        self.__x = "d"

    def derived(self):
        self.__x += "!"
        return self.__x


class Refused(Exception):
    pass


class Light(enum.Enum):
    RED = 1
    GREEN = 2


FOLLOWS = {Light.RED: [Light.GREEN], Light.GREEN: []}
KINDS: tuple = ()
EXPECTED: tuple = (Refused, ZeroDivisionError)


@pytest.fixture(autouse=True)
def fresh():
    global count, last
    count, last = 0, None
    memo.clear()
    Ticket.made = Ticket.step = 0
    Ticket.log.clear()


def bump(n):
    global count, last
    count += n
    last = f"by {n}"
    if n < 0:
        raise ValueError("negative")
    return count


def test_a_global_stays_between_calls():
    compiled = fl.compile(bump)
    assert [compiled(2), compiled(3)] == [2, 5]
    assert (count, last) == (5, "by 3")


def test_what_others_assign_is_seen():
    global count
    compiled = fl.compile(bump)
    compiled(1)
    count = 100
    assert compiled(1) == 101
    count = 2.5
    assert compiled(1) == 3.5
    assert type(count) is float


def test_what_was_assigned_before_an_exception_stays():
    compiled = fl.compile(bump)
    with pytest.raises(ValueError, match="negative"):
        compiled(-4)
    assert (count, last) == (-4, "by -4")


def fib(n):
    if n in memo:
        return memo[n]
    memo[n] = n if n < 2 else fib(n - 1) + fib(n - 2)
    return memo[n]


def test_an_empty_dict_of_the_module_is_filled():
    same = memo
    assert fl.compile(fib)(30) == 832040
    assert memo is same and len(memo) == 31
    assert fl.compile(fib)(31) == 1346269
    assert len(memo) == 32


def test_a_variable_of_the_function_around():
    def counter():
        n = 0

        def step(by):
            nonlocal n
            n += by
            return n

        def now():
            return n

        return fl.compile(step), now

    step, now = counter()
    assert [step(2), step(5), now()] == [2, 7, 7]


def make(name):
    return Ticket(name).number()


def test_attributes_of_classes():
    compiled = fl.compile(make)
    assert [compiled("a"), compiled("b")] == [1, 2]
    assert (Ticket.made, Ticket.log) == (2, ["a", "b"])
    Ticket.made = 10
    assert compiled("c") == 11


def both():
    return Ticket("x").both()


def test_an_attribute_of_class_and_instance_is_refused():
    with pytest.raises(
        fl.CompileError, match="attribute of the class `Ticket`, which is assigned, and of its instances"
    ):
        fl.compile(both)()


def test_rows_assign_nothing():
    data = fl.from_rows([{"x": 1}, {"x": 2}])
    with pytest.raises(fl.CompileError, match="assigns `count`"):
        data.map(lambda row: {"y": bump(row.x)}).collect()


def yields(n):
    global count
    for k in range(n):
        count += k
        yield count


def test_generators_that_leave_assign_nothing():
    with pytest.raises(fl.CompileError, match="a generator that assigns a global variable"):
        fl.compile(yields)(3)


class Setting:
    size = 3
    names = ("a", "b")

    def get(self):
        return self.size


def read():
    return Setting.size, Setting().get(), Setting.names


def test_attributes_are_what_they_are_now():
    compiled = fl.compile(read)
    assert compiled() == (3, 3, ("a", "b"))
    Setting.size = 2.5
    try:
        assert compiled() == (2.5, 2.5, ("a", "b"))
    finally:
        Setting.size = 3


class Patched:
    def get(self):
        return 1


def patched():
    return Patched().get()


def test_a_method_that_was_replaced_is_not_the_one_of_the_text():
    compiled = fl.compile(patched)
    assert compiled() == 1
    before = Patched.get
    Patched.get = lambda self: 2
    try:
        with pytest.raises(fl.CompileError):
            compiled()
    finally:
        Patched.get = before


def private(instance):
    return instance.base(), instance.derived(), instance.base()


def test_private_names_of_parent_and_child_are_two_attributes():
    instance, twin = Derived(), Derived()
    assert fl.compile(private)(instance) == private(twin) == (2, "d!", 3)
    assert vars(instance) == vars(twin) == {"_Base__x": 3, "_Derived__x": "d!"}


class Shade(enum.Enum):
    LIGHT = "l"
    DARK = "d"


NIGHT = Shade.DARK


class Outer:
    default = Shade.LIGHT

    class Inner:
        def __init__(self, n):
            self.n = n

    def add(self, value, items=[]):  # noqa: B006
        items.append(value)
        return items

    def make(self, n):
        return self.Inner(n)


def shades():
    return NIGHT.value, Outer.default.name, NIGHT is Shade.DARK


def test_members_of_enumerations_kept_elsewhere():
    assert fl.compile(shades)() == ("d", "LIGHT", True)


def inner(instance):
    return Outer().make(instance.n + 1)


def test_instances_of_a_class_in_a_class_cross():
    made = fl.compile(inner)(Outer.Inner(3))
    assert type(made) is Outer.Inner
    assert made.n == 4


def appended(n):
    return Outer().add(n)


def test_a_default_that_is_changed_is_shared():
    compiled = fl.compile(appended)
    assert [list(compiled(1)), list(compiled(2))] == [[1], [1, 2]]
    assert Outer.add.__defaults__ == ([1, 2],)


def test_a_tuple_of_classes_is_looked_up_anew(monkeypatch):
    @fl.compile
    def share(x):
        try:
            return 10 // x if isinstance(x, KINDS) else -1
        except EXPECTED:
            return 0

    monkeypatch.setitem(globals(), "KINDS", (int, float))
    assert [share(2), share(0), share(True)] == [5, 0, 10]
    monkeypatch.setitem(globals(), "KINDS", (str,))
    assert share(2) == -1
    monkeypatch.setitem(globals(), "KINDS", (int, (float,)))
    monkeypatch.setitem(globals(), "EXPECTED", (Refused,))
    with pytest.raises(ZeroDivisionError):
        share(0)


def following(name: str) -> list[str]:
    return [light.name for light in FOLLOWS[Light[name]]]


def test_a_table_of_members_is_taken_from_the_text_while_it_is_what_the_text_says():
    compiled = fl.compile(following)
    assert [compiled("RED"), compiled("GREEN")] == [["GREEN"], []]
    # As another module would change it: this file only looks into it.
    changed = globals()["FOLLOWS"][Light.GREEN]
    changed.append(Light.RED)
    try:
        with pytest.raises(fl.CompileError, match="FOLLOWS"):
            compiled("GREEN")
    finally:
        changed.clear()


FACTORS = [math.pi, math.e, 2.0]
CYCLIC: list = []
CYCLIC.append(CYCLIC)


def scaled(index: int) -> float:
    return FACTORS[index] * 2


def test_other_containers_are_read_when_the_function_is_called():
    compiled = fl.compile(scaled)
    assert compiled(0) == 2 * math.pi
    FACTORS[0] = 1.5
    assert compiled(0) == 3.0
    with pytest.raises(fl.CompileError, match="CYCLIC"):
        fl.compile(lambda n: len(CYCLIC) + n, signature="(int) -> int")


def doubled(x):
    return 2 * x


STEPS = [abs, doubled]
UNITS = {"km": (1000, float), "m": (1, int)}


@fl.compile
def stepped(x: int) -> list:
    return [step(x) for step in STEPS]


@fl.compile
def metres(text: str, unit: str):
    factor, parse = UNITS[unit]
    return factor * parse(text)


def test_containers_of_functions_are_what_they_are_at_the_call():
    assert stepped(-3) == [3, -6]
    STEPS.append(str)
    try:
        assert stepped(-3) == [3, -6, "-3"]
    finally:
        STEPS.pop()
    assert stepped(-4) == [4, -8]
    assert (metres("1.5", "km"), metres("2", "m")) == (1500.0, 2)
    UNITS["mm"] = (0.001, int)
    try:
        assert metres("5", "mm") == 0.005
    finally:
        del UNITS["mm"]


def test_a_container_of_functions_is_not_changed():
    def grown(x: int) -> int:
        STEPS.append(abs)
        return x

    with pytest.raises(fl.CompileError, match="`STEPS` holds functions"):
        fl.compile(grown)
    assert STEPS == [abs, doubled]
