"""`heapq`, for compiled code: heaps of the same layout as CPython's, so that the list looks the same after each call."""


def heappush(heap: list["item"], item, /):
    heap.append(item)
    _rise(heap, 0, len(heap) - 1)


def heappop(heap, /):
    if len(heap) == 0:
        raise IndexError("index out of range")
    last = heap.pop()
    if not heap:
        return last
    top = heap[0]
    heap[0] = last
    _sink(heap, 0)
    return top


def heapreplace(heap: list["item"], item, /):
    if len(heap) == 0:
        raise IndexError("index out of range")
    top = heap[0]
    heap[0] = item
    _sink(heap, 0)
    return top


def heappushpop(heap: list["item"], item, /):
    if len(heap) == 0:
        return item
    top = heap[0]
    if top < item:
        heap[0] = item
        _sink(heap, 0)
        return top
    return item


def heapify(x, /):
    for position in range(len(x) // 2 - 1, -1, -1):
        _sink(x, position)


def nsmallest(n, iterable, key=None):
    items = list(iterable)
    if key is None:
        _refuse_nan(items)
        items.sort()
    else:
        _refuse_nan([key(item) for item in items])
        items.sort(key=key)
    return items[: n if n > 0 else 0]


def nlargest(n, iterable, key=None):
    items = list(iterable)
    if key is None:
        _refuse_nan(items)
        items.sort(reverse=True)
    else:
        _refuse_nan([key(item) for item in items])
        items.sort(key=key, reverse=True)
    return items[: n if n > 0 else 0]


def _refuse_nan(keys):
    # Which items CPython picks next to a NaN depends on how many it is asked for.
    for key in keys:
        if key != key:
            raise NotImplementedError("a NaN among the items has no order")


def _rise(heap, start, position):
    # The item moves towards the root while its parent is larger.
    item = heap[position]
    while position > start:
        above = (position - 1) >> 1
        parent = heap[above]
        if not item < parent:
            break
        heap[position] = parent
        position = above
    heap[position] = item


def _sink(heap, position):
    # The hole goes down to a leaf along the smaller children, then the item rises from there: the comparisons, and with
    # them the layout, are those of CPython.
    end = len(heap)
    start = position
    item = heap[position]
    child = 2 * position + 1
    while child < end:
        other = child + 1
        if other < end and not heap[child] < heap[other]:
            child = other
        heap[position] = heap[child]
        position = child
        child = 2 * position + 1
    heap[position] = item
    _rise(heap, start, position)


def merge(*iterables, key=None, reverse=False):
    _unsupported("`merge` can be compiled with up to four iterables")


def merge__1(only, /, *, key=None, reverse=False):
    for item in only:
        yield item


def merge__2(first, second, /, *, key=None, reverse=False):
    source = iter(second)
    goes_on = True
    for other in source:
        break
    else:
        goes_on = False
    for item in first:
        while goes_on and _comes_before(other, item, key, reverse):
            yield other
            for other in source:
                break
            else:
                goes_on = False
        yield item
    if goes_on:
        yield other
        for other in source:
            yield other


def merge__3(first, second, third, /, *, key=None, reverse=False):
    return merge__2(first, merge__2(second, third, key=key, reverse=reverse), key=key, reverse=reverse)


def merge__4(first, second, third, fourth, /, *, key=None, reverse=False):
    rest = merge__3(second, third, fourth, key=key, reverse=reverse)
    return merge__2(first, rest, key=key, reverse=reverse)


def _merge_of_rows(rows):
    heads = []
    sources = []
    for row in rows:
        source = iter(row)
        for item in source:
            heads.append(item)
            sources.append(source)
            break
    while len(heads) > 0:
        first = 0
        for place in range(1, len(heads)):
            if heads[place] < heads[first]:
                first = place
        yield heads[first]
        for item in sources[first]:
            heads[first] = item
            break
        else:
            del heads[first]
            del sources[first]


def _comes_before(other, item, key, reverse):
    if key is None:
        return item < other if reverse else other < item
    return key(item) < key(other) if reverse else key(other) < key(item)
