"""`list.sort` where the items say themselves which is less: the algorithm of CPython 3.11, as `runtime::sort`, so that the same
pairs are compared in the same order. What is sorted is the list of the items' positions; it holds each of them once even when
a comparison raises."""


def order_of(items):
    return list(range(len(items)))


def sort(order, items, compare, reverse):
    if reverse:
        order.reverse()
    try:
        _sort(order, items, compare)
    finally:
        if reverse:
            order.reverse()


def sort_objects(order, items, reverse):
    sort(order, items, lambda left, right: -1 if left < right else 0, reverse)


def _sort(order, items, compare):
    count = len(order)
    if count < 2:
        return
    shortest = count
    lost = 0
    while shortest >= 64:
        lost |= shortest & 1
        shortest >>= 1
    shortest += lost
    starts = []
    lengths = []
    powers = []
    min_gallop = 7
    start = 0
    while start < count:
        length = _natural_run(order, start, items, compare)
        wanted = min(shortest, count - start)
        if length < wanted:
            _insert_into_run(order, start, wanted, length, items, compare)
            length = wanted
        if len(starts) > 0:
            power = _merge_power(starts[-1], lengths[-1], length, count)
            while len(starts) > 1 and powers[-2] > power:
                min_gallop = _merge_at(order, items, compare, starts, lengths, len(starts) - 2, min_gallop)
                powers.pop()
            powers[-1] = power
        starts.append(start)
        lengths.append(length)
        powers.append(0)
        start += length
    while len(starts) > 1:
        at = len(starts) - 2
        if at > 0 and lengths[at - 1] < lengths[at + 1]:
            at -= 1
        min_gallop = _merge_at(order, items, compare, starts, lengths, at, min_gallop)


def _natural_run(order, start, items, compare):
    # The length of the ascending run at `start`; a strictly descending one is reversed.
    end = start + 1
    if end < len(order):
        descending = compare(items[order[end]], items[order[start]]) < 0
        end += 1
        while end < len(order) and (compare(items[order[end]], items[order[end - 1]]) < 0) == descending:
            end += 1
        if descending:
            order[start:end] = order[start:end][::-1]
    return end - start


def _insert_into_run(order, start, length, ordered, items, compare):
    for following in range(start + ordered, start + length):
        pivot = order[following]
        low = start
        high = following
        while low < high:
            middle = low + (high - low) // 2
            if compare(items[pivot], items[order[middle]]) < 0:
                high = middle
            else:
                low = middle + 1
        for at in range(following, low, -1):
            order[at] = order[at - 1]
        order[low] = pivot


def _merge_power(start, first_length, second_length, total):
    a = 2 * start + first_length
    b = a + first_length + second_length
    power = 0
    while True:
        power += 1
        if a >= total:
            a -= total
            b -= total
        elif b >= total:
            return power
        a *= 2
        b *= 2


def _merge_at(order, items, compare, starts, lengths, at, min_gallop):
    left = starts[at]
    middle = starts[at + 1]
    length = lengths[at + 1]
    lengths[at] += length
    starts.pop(at + 1)
    lengths.pop(at + 1)
    # What already stands at its place on either end takes no part.
    left += _gallop_right(order[middle], order, left, middle - left, 0, items, compare)
    if left == middle:
        return min_gallop
    length = _gallop_left(order[middle - 1], order, middle, length, length - 1, items, compare)
    if length == 0:
        return min_gallop
    if middle - left <= length:
        return _merge_upwards(order, left, middle, middle + length, items, compare, min_gallop)
    return _merge_downwards(order, left, middle, middle + length, items, compare, min_gallop)


def _gallop_left(key, run, low, length, hint, items, compare):
    # Where the key belongs in this part of a run, before its equals; the search starts at the hint.
    last = 0
    offset = 1
    if compare(items[run[low + hint]], items[key]) < 0:
        limit = length - hint
        while offset < limit and compare(items[run[low + hint + offset]], items[key]) < 0:
            last = offset
            offset = offset * 2 + 1
        first = hint + last + 1
        after = hint + min(offset, limit)
    else:
        limit = hint + 1
        while offset < limit and not compare(items[run[low + hint - offset]], items[key]) < 0:
            last = offset
            offset = offset * 2 + 1
        first = hint + 1 - min(offset, limit)
        after = hint - last
    while first < after:
        middle = first + (after - first) // 2
        if compare(items[run[low + middle]], items[key]) < 0:
            first = middle + 1
        else:
            after = middle
    return first


def _gallop_right(key, run, low, length, hint, items, compare):
    # As `_gallop_left`, behind the key's equals.
    last = 0
    offset = 1
    if compare(items[key], items[run[low + hint]]) < 0:
        limit = hint + 1
        while offset < limit and compare(items[key], items[run[low + hint - offset]]) < 0:
            last = offset
            offset = offset * 2 + 1
        first = hint + 1 - min(offset, limit)
        after = hint - last
    else:
        limit = length - hint
        while offset < limit and not compare(items[key], items[run[low + hint + offset]]) < 0:
            last = offset
            offset = offset * 2 + 1
        first = hint + last + 1
        after = hint + min(offset, limit)
    while first < after:
        middle = first + (after - first) // 2
        if compare(items[key], items[run[low + middle]]) < 0:
            after = middle
        else:
            first = middle + 1
    return first


def _merge_upwards(order, left, middle, b_end, items, compare, min_gallop):
    # From the low end; the left side is copied away. What is left of it always fits between `target` and `b`.
    spare = order[left:middle]
    a = 0
    a_end = len(spare)
    b = middle + 1
    target = left + 1
    order[left] = order[middle]
    try:
        while b < b_end and a_end - a > 1:
            left_wins = 0
            right_wins = 0
            while left_wins < min_gallop and right_wins < min_gallop:
                if compare(items[order[b]], items[spare[a]]) < 0:
                    order[target] = order[b]
                    b += 1
                    left_wins = 0
                    right_wins += 1
                else:
                    order[target] = spare[a]
                    a += 1
                    left_wins += 1
                    right_wins = 0
                target += 1
                if b == b_end or a_end - a <= 1:
                    break
            if b == b_end or a_end - a <= 1:
                break
            min_gallop += 1
            while True:
                if min_gallop > 1:
                    min_gallop -= 1
                left_wins = _gallop_right(order[b], spare, a, a_end - a, 0, items, compare)
                order[target : target + left_wins] = spare[a : a + left_wins]
                a += left_wins
                target += left_wins
                if a_end - a <= 1:
                    break
                order[target] = order[b]
                b += 1
                target += 1
                if b == b_end:
                    break
                right_wins = _gallop_left(spare[a], order, b, b_end - b, 0, items, compare)
                order[target : target + right_wins] = order[b : b + right_wins]
                b += right_wins
                target += right_wins
                if b == b_end:
                    break
                order[target] = spare[a]
                a += 1
                target += 1
                if a_end - a <= 1 or left_wins < 7 and right_wins < 7:
                    break
            if b == b_end or a_end - a <= 1:
                break
            min_gallop += 1
    except:
        order[target:b] = spare[a:]
        raise
    order[target : target + b_end - b] = order[b:b_end]
    target += b_end - b
    order[target:b_end] = spare[a:]
    return min_gallop


def _merge_downwards(order, a_start, middle, end, items, compare, min_gallop):
    # From the high end; the right side is copied away. What is left of it always fits between `a` and `target`.
    spare = order[middle:end]
    a = middle - 1
    b = len(spare)
    target = end - 1
    order[target] = order[a]
    try:
        while a > a_start and b > 1:
            left_wins = 0
            right_wins = 0
            while left_wins < min_gallop and right_wins < min_gallop:
                if compare(items[spare[b - 1]], items[order[a - 1]]) < 0:
                    a -= 1
                    target -= 1
                    order[target] = order[a]
                    left_wins += 1
                    right_wins = 0
                else:
                    b -= 1
                    target -= 1
                    order[target] = spare[b]
                    left_wins = 0
                    right_wins += 1
                if a == a_start or b <= 1:
                    break
            if a == a_start or b <= 1:
                break
            min_gallop += 1
            while True:
                if min_gallop > 1:
                    min_gallop -= 1
                count = a - a_start
                left_wins = count - _gallop_right(spare[b - 1], order, a_start, count, count - 1, items, compare)
                order[target - left_wins : target] = order[a - left_wins : a]
                a -= left_wins
                target -= left_wins
                if a == a_start:
                    break
                b -= 1
                target -= 1
                order[target] = spare[b]
                if b <= 1:
                    break
                right_wins = b - _gallop_left(order[a - 1], spare, 0, b, b - 1, items, compare)
                order[target - right_wins : target] = spare[b - right_wins : b]
                b -= right_wins
                target -= right_wins
                if b <= 1:
                    break
                a -= 1
                target -= 1
                order[target] = order[a]
                if a == a_start or left_wins < 7 and right_wins < 7:
                    break
            if a == a_start or b <= 1:
                break
            min_gallop += 1
    except:
        order[a:target] = spare[:b]
        raise
    order[target - (a - a_start) : target] = order[a_start:a]
    order[a_start : a_start + b] = spare[:b]
    return min_gallop
