"""PyTorch, eager, one thread."""
import torch

from serve import serve

torch.set_num_threads(1)


def tensor(entry):
    flat, shape = entry
    dtype = torch.int64 if flat.typecode == "i" else torch.float32
    return torch.tensor(flat, dtype=dtype).reshape(shape)


def mlp(arrays, options):
    x, labels, w1, b1, w2, b2 = (tensor(arrays[n]) for n in ("x", "labels", "w1", "b1", "w2", "b2"))
    (hidden, inputs), outputs = w1.shape, w2.shape[0]
    model = torch.nn.Sequential(
        torch.nn.Linear(inputs, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, outputs)
    )
    model.load_state_dict({"0.weight": w1, "0.bias": b1, "2.weight": w2, "2.bias": b2})
    optimizer = torch.optim.SGD(
        model.parameters(), lr=options["lr"], weight_decay=options["weightDecay"]
    )

    def train():
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return train, train


def circuit(arrays, options):
    def numbers(name, requires_grad):
        return [torch.tensor(v, requires_grad=requires_grad) for v in arrays[name][0]]

    layers = [(numbers(w, True), numbers(b, True)) for w, b in (("w1", "b1"), ("w2", "b2"), ("w3", "b3"))]
    xs, targets = numbers("x", False), numbers("target", False)
    parameters = [p for w, b in layers for p in w + b]
    optimizer = torch.optim.SGD(parameters, lr=options["lr"])

    def neuron(w, b, i, inputs):
        n = len(inputs)
        total = w[i * n] * inputs[0]
        for k in range(1, n):
            total = total + w[i * n + k] * inputs[k]
        return total + b[i]

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = None
        for p, target in enumerate(targets):
            values = xs[2 * p : 2 * p + 2]
            for w, b in layers[:-1]:
                values = [neuron(w, b, i, values).tanh() for i in range(len(b))]
            error = neuron(*layers[-1], 0, values) - target
            square = error * error
            loss = square if loss is None else loss + square
        loss.backward()
        return loss.item()

    def train():
        loss = step()
        optimizer.step()
        return loss

    return train, step


serve({"w1": mlp, "w6": circuit})
