"""`functools`, for compiled code."""


def reduce(function, iterable, initial=..., /):
    if initial is not ...:
        total = initial
        for item in iterable:
            total = function(total, item)
        return total
    found = False
    for item in iterable:
        if found:
            total = function(total, item)
        else:
            total = item
            found = True
    if not found:
        raise TypeError("reduce() of empty iterable with no initial value")
    return total


def _order_of_objects(items, reverse):
    return _order(items, lambda left, right: -1 if left < right else 0, reverse)


def _order(items, compare, reverse):
    # The stable order in which the comparison sorts: runs of doubled length are merged.
    count = len(items)
    order = list(range(count))
    merged = list(range(count))
    width = 1
    while width < count:
        for start in range(0, count, 2 * width):
            middle = min(start + width, count)
            end = min(start + 2 * width, count)
            left = start
            right = middle
            for place in range(start, end):
                if left < middle and right < end:
                    first = items[order[left]]
                    second = items[order[right]]
                    if reverse:
                        take_right = compare(first, second) < 0
                    else:
                        take_right = compare(second, first) < 0
                else:
                    take_right = left >= middle
                if take_right:
                    merged[place] = order[right]
                    right += 1
                else:
                    merged[place] = order[left]
                    left += 1
        for place in range(count):
            order[place] = merged[place]
        width *= 2
    return order
