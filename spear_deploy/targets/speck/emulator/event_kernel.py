"""Events handled one after the other, as the chip's cores do.

Each event is convolved at once, and a neuron that reaches its threshold fires at once, into one queue, first in, first
out. On the chip, queues lie between the cores and all run at the same time; the order of events of different cores is
therefore an assumption.  A neuron fires once for one event.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(inline="always")
def _add(v, at, weight, start, length, low):  # type: ignore[no-untyped-def]
    """Add a row of weights to a row of membranes, which end at ``low`` below; return the largest one."""
    row, steps = v[at : at + length], weight[start : start + length]
    most = low
    for i in range(length):
        a = v.dtype.type(row[i] + steps[i])
        a = a if a > low else low
        row[i] = a
        most = a if a > most else most
    return most


@njit(inline="always")
def _fire(v, at, length, threshold, zeroes, limit, counts, queue, tail, sends):  # type: ignore[no-untyped-def]
    """Fire the neurons of a row that reached the threshold; return the queue's end, and how many were held."""
    clipped = 0
    row, fired = v[at : at + length], counts[at : at + length]
    for i in range(length):
        if row[i] >= threshold:
            left = v.dtype.type(0) if zeroes else v.dtype.type(row[i] - threshold)
            if left > limit:
                left = limit
                clipped += 1
            row[i] = left
            fired[i] += 1
            if sends:
                queue[tail] = at + i
                tail += 1
    return tail, clipped


@njit(inline="always")
def _room(queue, tail, more):  # type: ignore[no-untyped-def]
    """Return a queue with room for this many more."""
    if tail + more <= len(queue):
        return queue
    larger = np.empty(2 * (tail + more), queue.dtype)
    larger[:tail] = queue[:tail]
    return larger


@njit
def _drain(queue, tail, first, landings, layers, weight, limit, v, counts, clips):  # type: ignore[no-untyped-def]
    """Handle events until none is left; return the queue."""
    head = 0
    while head < tail:
        neuron = queue[head]
        head += 1
        for k in range(first[neuron], first[neuron + 1]):
            layer, at, start = landings[k, 0], landings[k, 1], landings[k, 2]
            width, line, sends = layers[layer, 2], layers[layer, 3], layers[layer, 8] != 0
            threshold, low = v.dtype.type(layers[layer, 4]), v.dtype.type(layers[layer, 5])
            length = landings[k, 4]
            for _ in range(landings[k, 3]):
                if _add(v, at, weight, start, length, low) >= threshold:
                    queue = _room(queue, tail, length)
                    zeroes = layers[layer, 6] != 0
                    tail, clipped = _fire(v, at, length, threshold, zeroes, limit, counts, queue, tail, sends)
                    clips[layer] += clipped
                at += width
                start += line
    return queue


@njit
def _tick(layer, layers, bias, limit, v, counts, clips, queue):  # type: ignore[no-untyped-def]
    """Add a layer's biases once; return the queue of the neurons that fire, and its end."""
    threshold, low = v.dtype.type(layers[layer, 4]), v.dtype.type(layers[layer, 5])
    at, length = layers[layer, 0], layers[layer, 1]
    if _add(v, at, bias, at, length, low) < threshold:
        return queue, 0
    queue = _room(queue, 0, length)
    zeroes, sends = layers[layer, 6] != 0, layers[layer, 8] != 0
    tail, clipped = _fire(v, at, length, threshold, zeroes, limit, counts, queue, 0, sends)
    clips[layer] += clipped
    return queue, tail


@njit(cache=True, nogil=True)
def run_events(events, ends, first, landings, layers, weight, bias, limit, counts, trace, clips):  # type: ignore[no-untyped-def]
    """Run one sample from rest.

    ``events`` (n,) int32 are the numbers of the input's neurons in order, those of step t up to ``ends[t]``; the
    tables are
    those of :class:`~.tables.Tables`, with ``bias`` of the type of ``weight``; ``limit`` is what a membrane is held at.
    Written are spike counts ``counts`` (T, neurons) int32; where it has rows ``trace``, the membranes after each step;
    and ``clips`` (layers,) int64, how often one was held.
    """
    v = np.zeros(counts.shape[1], weight.dtype)
    queue = np.empty(4096, np.int32)
    highest = weight.dtype.type(limit)
    begin = 0
    for t in range(len(ends)):
        for layer in range(len(layers)):
            if layers[layer, 7]:
                queue, tail = _tick(layer, layers, bias, highest, v, counts[t], clips, queue)
                queue = _drain(queue, tail, first, landings, layers, weight, highest, v, counts[t], clips)
        for k in range(begin, ends[t]):
            queue[0] = events[k]
            queue = _drain(queue, 1, first, landings, layers, weight, highest, v, counts[t], clips)
        begin = ends[t]
        if len(trace):
            trace[t] = v
