"""Scalar reverse mode in plain Python, one object and one closure per gate: what teaching code costs."""
import math

from serve import serve


class Value:
    __slots__ = ("data", "grad", "inputs", "spread")

    def __init__(self, data, inputs=(), spread=None):
        self.data, self.grad, self.inputs, self.spread = data, 0.0, inputs, spread

    def __add__(self, other):
        def spread(dy):
            self.grad += dy
            other.grad += dy

        return Value(self.data + other.data, (self, other), spread)

    def __sub__(self, other):
        def spread(dy):
            self.grad += dy
            other.grad -= dy

        return Value(self.data - other.data, (self, other), spread)

    def __mul__(self, other):
        def spread(dy):
            self.grad += dy * other.data
            other.grad += dy * self.data

        return Value(self.data * other.data, (self, other), spread)

    def tanh(self):
        y = math.tanh(self.data)

        def spread(dy):
            self.grad += dy * (1 - y * y)

        return Value(y, (self,), spread)

    def backward(self):
        order, seen, stack = [], set(), [(self, False)]
        while stack:
            value, done = stack.pop()
            if done:
                order.append(value)
            elif value not in seen:
                seen.add(value)
                stack.append((value, True))
                stack.extend((x, False) for x in value.inputs)
        self.grad = 1.0
        for value in reversed(order):
            if value.spread is not None:
                value.spread(value.grad)


def circuit(arrays, options):
    layers = [
        ([Value(v) for v in arrays[w][0]], [Value(v) for v in arrays[b][0]])
        for w, b in ((f"{i}.weight", f"{i}.bias") for i in range(3))
    ]
    xs = [Value(v) for v in arrays["x"][0]]
    targets = [Value(v) for v in arrays["target"][0]]
    parameters = [p for w, b in layers for p in w + b]

    def neuron(w, b, i, inputs):
        n = len(inputs)
        total = w[i * n] * inputs[0]
        for k in range(1, n):
            total = total + w[i * n + k] * inputs[k]
        return total + b[i]

    def step():
        for p in parameters:
            p.grad = 0.0
        loss = None
        for p, target in enumerate(targets):
            values = xs[2 * p : 2 * p + 2]
            for w, b in layers[:-1]:
                values = [neuron(w, b, i, values).tanh() for i in range(len(b))]
            error = neuron(*layers[-1], 0, values) - target
            square = error * error
            loss = square if loss is None else loss + square
        loss.backward()
        return loss.data

    def train():
        loss = step()
        for p in parameters:
            p.data -= options["lr"] * p.grad
        return loss

    return train, step


serve({"w6": circuit})
