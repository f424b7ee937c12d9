"""`itertools`, for compiled code.

`for item in iterator: break` takes one item; the `else` of such a loop is the end of the iterator. Behind an exception the iterators
go on where `_again()` stands.
"""


def count(start=0, step=1):
    number = start
    while True:
        yield number
        number += step


def cycle(iterable, /):
    saved = []
    _again()
    for item in iterable:
        yield item
        saved.append(item)
        _again()
    while len(saved) > 0:
        for item in saved:
            yield item


def repeat(object, times=...):
    if times is ...:
        while True:
            yield object
    else:
        for _ in range(times):
            yield object


def accumulate(iterable, func=None, *, initial=None):
    source = iter(iterable)
    if initial is None:
        for item in source:
            total = item
            break
        else:
            return
    else:
        total = initial
    yield total
    for item in source:
        if _again():
            continue
        if func is None:
            total = total + item
        else:
            total = func(total, item)
        yield total


def chain(*iterables):
    for iterable in iterables:
        _again()
        for item in iterable:
            yield item


def chain__from_iterable(iterable, /):
    for inner in iterable:
        for item in inner:
            yield item


def compress(data, selectors):
    chosen = iter(selectors)
    for item in data:
        if _again():
            continue
        for selector in chosen:
            break
        else:
            return
        if selector:
            yield item


def dropwhile(predicate, iterable, /):
    source = iter(iterable)
    for item in source:
        if _again():
            continue
        if not predicate(item):
            yield item
            break
    for item in source:
        yield item


def filterfalse(predicate, iterable, /):
    for item in iterable:
        if _again():
            continue
        if predicate is None:
            if not item:
                yield item
        elif not predicate(item):
            yield item


def groupby(iterable, key=None):
    source = iter(iterable)
    # The item that was read last and its key.
    last = []
    keys = []
    for item in source:
        if _again():
            continue
        keys.append(_key(key, item))
        last.append(item)
        break
    else:
        return
    # The number of the current group, those before it have ended; 1 while the last item has not been given out.
    state = [0, 1]
    while True:
        target = keys[0]
        yield target, _group(source, key, target, last, keys, state, state[0])
        # Whoever asks for the next group gives up this one.
        state[0] += 1
        while state[1] == 0 or keys[0] == target:
            _again()
            if not _advance(source, key, last, keys, state):
                return


def _group(source, key, target, last, keys, state, own):
    while state[0] == own:
        _again()
        if state[1] == 0 and not _advance(source, key, last, keys, state):
            return
        if not keys[0] == target:
            return
        state[1] = 0
        yield last[0]


def _advance(source, key, last, keys, state):
    for item in source:
        keys[0] = _key(key, item)
        last[0] = item
        state[1] = 1
        return True
    return False


def _key(key, item):
    if key is None:
        return item
    return key(item)


def islice(iterable, stop, /):
    _check_bound(stop, "Stop argument for islice() must be None or an integer: 0 <= x <= sys.maxsize.")
    return _slice(iter(iterable), 0, stop, 1)


def islice__3(iterable, start, stop, /):
    return islice__4(iterable, start, stop, 1)


def islice__4(iterable, start, stop, step, /):
    message = "Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize."
    _check_bound(start, message)
    _check_bound(stop, message)
    return _slice(iter(iterable), 0 if start is None else start, stop, _step(step))


def _check_bound(bound, message):
    if bound is not None and bound < 0:
        raise ValueError(message)


def _step(step):
    if step is None:
        return 1
    if step < 1:
        raise ValueError("Step for islice() must be a positive integer or None.")
    return step


def _slice(source, start, stop, step):
    # What lies before an item that is wanted is taken from the source, and dropped.
    position = 0
    following = start
    while True:
        while position < following:
            for item in source:
                break
            else:
                return
            position += 1
        if stop is not None and position >= stop:
            return
        for item in source:
            break
        else:
            return
        position += 1
        following += step
        if stop is not None and following > stop:
            following = stop
        yield item


def pairwise(iterable, /):
    source = iter(iterable)
    for item in source:
        before = item
        break
    else:
        return
    for item in source:
        yield before, item
        before = item


def starmap(function, iterable, /):
    for arguments in iterable:
        if _again():
            continue
        yield function(*arguments)


def takewhile(predicate, iterable, /):
    for item in iterable:
        if _again():
            continue
        if not predicate(item):
            return
        yield item


def tee(iterable, n: "constant" = 2, /):
    source = iter(iterable)
    buffer = []
    if n == 0:
        return ()
    if n == 1:
        return (_tee(source, buffer),)
    if n == 2:
        return _tee(source, buffer), _tee(source, buffer)
    if n == 3:
        return _tee(source, buffer), _tee(source, buffer), _tee(source, buffer)
    _unsupported("`tee` can be compiled for up to three iterators")


def _tee(source, buffer: list["*source"]):
    position = 0
    while True:
        while position < len(buffer):
            item = buffer[position]
            position += 1
            yield item
        _again()
        for item in source:
            buffer.append(item)
            break
        else:
            return


def zip_longest(*iterables, fillvalue=None):
    _unsupported("`zip_longest` can be compiled with two or three iterables")


def _zip_longest_of_rows(rows, fillvalue=None):
    # The same iterator may be there more than once, as in `zip_longest(*[iter(x)] * 2)`.
    sources = [iter(row) for row in rows]
    goes = [True] * len(sources)
    going = len(sources)
    while going > 0:
        items = []
        for place in range(len(sources)):
            item = fillvalue
            if goes[place]:
                for found in sources[place]:
                    item = found
                    break
                else:
                    goes[place] = False
                    going -= 1
                    if going == 0:
                        return
            items.append(item)
        yield tuple(items)


def zip_longest__1(first, /, *, fillvalue=None):
    for item in first:
        yield (item,)


def zip_longest__2(first, second, /, *, fillvalue=None):
    first_source, second_source = iter(first), iter(second)
    first_goes, second_goes = True, True
    while True:
        left = fillvalue
        if first_goes:
            for item in first_source:
                left = item
                break
            else:
                first_goes = False
                if not second_goes:
                    return
        right = fillvalue
        if second_goes:
            for other in second_source:
                right = other
                break
            else:
                second_goes = False
                if not first_goes:
                    return
        yield left, right


def zip_longest__3(first, second, third, /, *, fillvalue=None):
    first_source, second_source, third_source = iter(first), iter(second), iter(third)
    first_goes, second_goes, third_goes = True, True, True
    while True:
        left = fillvalue
        if first_goes:
            for item in first_source:
                left = item
                break
            else:
                first_goes = False
                if not (second_goes or third_goes):
                    return
        middle = fillvalue
        if second_goes:
            for other in second_source:
                middle = other
                break
            else:
                second_goes = False
                if not (first_goes or third_goes):
                    return
        right = fillvalue
        if third_goes:
            for last in third_source:
                right = last
                break
            else:
                third_goes = False
                if not (first_goes or second_goes):
                    return
        yield left, middle, right


# Combinations. A tuple's type says how long it is, so its length must be known when the program is compiled.


def product(*iterables, repeat: "constant" = 1):
    pools = ()
    for iterable in iterables:
        pools = pools + (list(iterable),)
    if _is_constant(repeat):
        return _product(pools * repeat)
    if repeat < 0:
        raise ValueError("repeat argument cannot be negative")
    lists = []
    for turn in range(repeat):
        for pool in pools:
            lists.append(pool)
    return _product_of_rows(lists)


def _product_of_rows(rows):
    pools = [list(row) for row in rows]
    count = len(pools)
    for pool in pools:
        if len(pool) == 0:
            count = -1
    if count >= 0:
        places = [0] * count
        at = 0
        while at >= 0:
            yield tuple([pools[i][places[i]] for i in range(count)])
            at = count - 1
            while at >= 0 and places[at] + 1 == len(pools[at]):
                places[at] = 0
                at -= 1
            if at >= 0:
                places[at] += 1


def _product(pools):
    if len(pools) == 0:
        yield ()
    elif len(pools) == 1:
        for item in pools[0]:
            yield (item,)
    elif len(pools) == 2:
        for item in pools[0]:
            for other in pools[1]:
                yield item, other
    else:
        for item in pools[0]:
            for rest in _product(pools[1:]):
                yield (item, *rest)


def combinations(iterable, r: "constant"):
    pool = list(iterable)
    if r < 0:
        raise ValueError("r must be non-negative")
    if _is_constant(r):
        return _combinations(pool, r, 0)
    return _combinations_of_any(pool, r)


def _combinations_of_any(pool, r):
    n = len(pool)
    if r <= n:
        places = list(range(r))
        at = 0
        while at >= 0:
            yield tuple([pool[place] for place in places])
            at = r - 1
            while at >= 0 and places[at] == n - r + at:
                at -= 1
            if at >= 0:
                places[at] += 1
                for later in range(at + 1, r):
                    places[later] = places[later - 1] + 1


def _combinations(pool, r: "constant", start):
    if r == 0:
        yield ()
    elif r == 1:
        for position in range(start, len(pool)):
            yield (pool[position],)
    else:
        for position in range(start, len(pool)):
            for rest in _combinations(pool, r - 1, position + 1):
                yield (pool[position], *rest)


def combinations_with_replacement(iterable, r: "constant"):
    pool = list(iterable)
    if r < 0:
        raise ValueError("r must be non-negative")
    if _is_constant(r):
        return _repeated(pool, r, 0)
    return _repeated_any(pool, r)


def _repeated_any(pool, r):
    n = len(pool)
    if n > 0 or r == 0:
        places = [0] * r
        at = 0
        while at >= 0:
            yield tuple([pool[place] for place in places])
            at = r - 1
            while at >= 0 and places[at] == n - 1:
                at -= 1
            if at >= 0:
                place = places[at] + 1
                for later in range(at, r):
                    places[later] = place


def _repeated(pool, r: "constant", start):
    if r == 0:
        yield ()
    elif r == 1:
        for position in range(start, len(pool)):
            yield (pool[position],)
    else:
        for position in range(start, len(pool)):
            for rest in _repeated(pool, r - 1, position):
                yield (pool[position], *rest)


def permutations(iterable, r: "constant" = None):
    pool = list(iterable)
    if r is None:
        return _permutations_of_any(pool, len(pool))
    if r < 0:
        raise ValueError("r must be non-negative")
    if _is_constant(r):
        return _permutations(pool, r, [False] * len(pool))
    return _permutations_of_any(pool, r)


def _permutations_of_any(pool, r):
    # The places in use, and the least place that comes after the last one in the row that can move on.
    n = len(pool)
    if r <= n:
        places = list(range(r))
        is_used = [place < r for place in range(n)]
        at = 0
        while at >= 0:
            yield tuple([pool[place] for place in places])
            at = r - 1
            while at >= 0:
                place = places[at]
                is_used[place] = False
                place += 1
                while place < n and is_used[place]:
                    place += 1
                if place < n:
                    break
                at -= 1
            if at >= 0:
                places[at] = place
                is_used[place] = True
                least = 0
                for later in range(at + 1, r):
                    while is_used[least]:
                        least += 1
                    places[later] = least
                    is_used[least] = True


def _permutations(pool, r: "constant", used):
    if r == 0:
        yield ()
    else:
        for position in range(len(pool)):
            if not used[position]:
                used[position] = True
                for rest in _permutations(pool, r - 1, used):
                    yield (pool[position], *rest)
                used[position] = False


def batched(iterable, n):
    if n < 1:
        raise ValueError("n must be at least one")
    return _batched(iterable, n)


def _batched(iterable, n):
    batch = []
    for item in iterable:
        batch.append(item)
        if len(batch) == n:
            yield tuple(batch)
            batch = []
    if len(batch) > 0:
        yield tuple(batch)


def _chain_of_rows(rows):
    for row in rows:
        _again()
        yield from row
