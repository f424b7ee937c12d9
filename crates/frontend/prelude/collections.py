"""`collections`, for compiled code.

A deque is a list of which the items from `state[0]` on are its own, so that both ends move in constant time;
`state[1]` counts its changes.
"""


def _deque_length(items, state, maxlen):
    return len(items) - state[0]


def _deque_list(items, state, maxlen):
    return items[state[0] :]


def _deque_iterate(items, state, maxlen):
    changes = state[1]
    position = 0
    while position < len(items) - state[0]:
        if state[1] != changes:
            raise RuntimeError("deque mutated during iteration")
        yield items[state[0] + position]
        position += 1
    if state[1] != changes:
        raise RuntimeError("deque mutated during iteration")


def _deque_place(items, state, index, message):
    count = len(items) - state[0]
    if index < 0:
        index += count
    if index < 0 or index >= count:
        raise IndexError(message)
    return state[0] + index


def _deque_item(items, state, maxlen, index):
    return items[_deque_place(items, state, index, "deque index out of range")]


def _deque_store(items: list["item"], state, maxlen, index, item):
    items[_deque_place(items, state, index, "deque index out of range")] = item


def _deque_delete(items, state, maxlen, index):
    del items[_deque_place(items, state, index, "deque index out of range")]
    state[1] += 1


def _deque_append(items: list["item"], state, maxlen, item, /):
    state[1] += 1
    items.append(item)
    if maxlen is not None:
        if len(items) - state[0] > maxlen:
            _drop_first(items, state)


def _deque_appendleft(items: list["item"], state, maxlen, item, /):
    state[1] += 1
    if state[0] == 0:
        # Room for as many items again.
        room = len(items) + 8
        items[0:0] = [item] * room
        state[0] = room
    state[0] -= 1
    items[state[0]] = item
    if maxlen is not None:
        if len(items) - state[0] > maxlen:
            items.pop()


def _drop_first(items, state):
    state[0] += 1
    # What lies before the first item is given back once it is the larger part.
    if state[0] >= 32 and 2 * state[0] > len(items):
        del items[0 : state[0]]
        state[0] = 0


def _deque_pop(items, state, maxlen, /):
    if len(items) == state[0]:
        raise IndexError("pop from an empty deque")
    state[1] += 1
    return items.pop()


def _deque_popleft(items, state, maxlen, /):
    if len(items) == state[0]:
        raise IndexError("pop from an empty deque")
    state[1] += 1
    item = items[state[0]]
    _drop_first(items, state)
    return item


def _deque_clear(items, state, maxlen, /):
    items.clear()
    state[0] = 0
    state[1] += 1


def _deque_rotate(items, state, maxlen, n=1, /):
    count = len(items) - state[0]
    if count > 1:
        state[1] += 1
        shift = n % count
        own = items[state[0] :]
        for position in range(count):
            items[state[0] + (position + shift) % count] = own[position]


def _deque_reverse(items, state, maxlen, /):
    state[1] += 1
    low, high = state[0], len(items) - 1
    while low < high:
        items[low], items[high] = items[high], items[low]
        low += 1
        high -= 1


def _deque_remove(items, state, maxlen, value, /):
    for position in range(state[0], len(items)):
        if items[position] == value:
            del items[position]
            state[1] += 1
            return
    raise ValueError(f"{value!r} is not in deque")


def _deque_count(items, state, maxlen, value, /):
    return items[state[0] :].count(value)


def _deque_index(items, state, maxlen, value, start=0, stop=None, /):
    count = len(items) - state[0]
    first = start
    if first < 0:
        first = max(first + count, 0)
    last = count
    if stop is not None:
        last = stop
        if last < 0:
            last = max(last + count, 0)
    for position in range(first, min(last, count)):
        if items[state[0] + position] == value:
            return position
    raise ValueError(f"{value!r} is not in deque")


def _deque_insert(items: list["item"], state, maxlen, index, item, /):
    count = len(items) - state[0]
    if maxlen is not None:
        if count >= maxlen:
            raise IndexError("deque already at its maximum size")
    state[1] += 1
    place = index
    if place < 0:
        place = max(place + count, 0)
    items.insert(state[0] + min(place, count), item)


# Counters are dicts of counts.


def _counter_total(counts, /):
    return sum(counts.values())


def _counter_elements(counts, /):
    for key, count in counts.items():
        for _ in range(count):
            yield key


def _counter_most_common(counts, n=None):
    pairs = sorted(counts.items(), key=lambda pair: pair[1], reverse=True)
    if n is None:
        return pairs
    return pairs[: n if n > 0 else 0]


def _counters_equal(left, right, /):
    # A missing key counts as 0.
    for key, count in left.items():
        if right.get(key, 0) != count:
            return False
    for key, count in right.items():
        if left.get(key, 0) != count:
            return False
    return True


def _counter_add(left, right, /):
    found = []
    for key, count in left.items():
        total = count + right.get(key, 0)
        if total > 0:
            found.append((key, total))
    for key, count in right.items():
        if key not in left and count > 0:
            found.append((key, count))
    return found


def _counter_sub(left, right, /):
    found = []
    for key, count in left.items():
        total = count - right.get(key, 0)
        if total > 0:
            found.append((key, total))
    for key, count in right.items():
        if key not in left and count < 0:
            found.append((key, 0 - count))
    return found


def _counter_or(left, right, /):
    found = []
    for key, count in left.items():
        total = max(count, right.get(key, 0))
        if total > 0:
            found.append((key, total))
    for key, count in right.items():
        if key not in left and count > 0:
            found.append((key, count))
    return found


def _counter_and(left, right, /):
    found = []
    for key, count in left.items():
        total = min(count, right.get(key, 0))
        if total > 0:
            found.append((key, total))
    return found


# Ordered dicts.


def _ordered_items(items, /):
    return list(items.items())


def _ordered_equal(left, right, /):
    return list(left.items()) == list(right.items())


def _ordered_move_to_end(items, key, last=True):
    value = items.pop(key)
    if last:
        items[key] = value
        return
    others = list(items.items())
    items.clear()
    items[key] = value
    for other, kept in others:
        items[other] = kept


def _ordered_popitem(items, last=True):
    if len(items) == 0:
        raise KeyError("dictionary is empty")
    if last:
        return items.popitem()
    for key in items:
        first = key
        break
    return first, items.pop(first)
