"""PyTorch, eager, one thread."""
import torch
from torch import nn

from serve import serve

torch.set_num_threads(1)


def tensor(entry, requires_grad=False):
    flat, shape = entry
    dtype = torch.int64 if flat.typecode == "i" else torch.float32
    return torch.tensor(flat, dtype=dtype).reshape(shape).requires_grad_(requires_grad)


def training(model, optimizer_of, arrays, scores_of=None):
    """Trains the model on the one batch; the other arrays are its state."""
    state = {name: tensor(entry) for name, entry in arrays.items() if name not in ("x", "labels")}
    model.load_state_dict(state, strict=False)  # without running statistics
    optimizer = optimizer_of(model.parameters())
    x, labels = tensor(arrays["x"]), tensor(arrays["labels"]).reshape(-1)
    scores_of = scores_of or model

    def train():
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(scores_of(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return train, train


def mlp(widths):
    """Linear layers with ReLU between them."""
    layers = []
    for i, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        layers += [nn.ReLU()] * (i > 0) + [nn.Linear(inputs, outputs)]
    return nn.Sequential(*layers)


def sgd_mlp(arrays, options):
    rates = {"lr": options["lr"], "weight_decay": options["weightDecay"]}
    return training(mlp(options["widths"]), lambda p: torch.optim.SGD(p, **rates), arrays)


def adam_mlp(arrays, options):
    return training(mlp(options["widths"]), lambda p: torch.optim.Adam(p, lr=options["lr"]), arrays)


def batch_norm_mlp(arrays, options):
    *widths, outputs = options["widths"]
    layers = []
    for n, m in zip(widths, widths[1:]):
        layers += [nn.Linear(n, m), nn.BatchNorm1d(m), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(widths[-1], outputs))
    return training(model, lambda p: torch.optim.Adam(p, lr=options["lr"]), arrays)


def conv_net(arrays, options):
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 8 * 8, 10),
    )
    rates = {"lr": options["lr"], "momentum": options["momentum"]}
    return training(model, lambda p: torch.optim.SGD(p, **rates), arrays)


class Gpt(nn.Module):
    def __init__(self, vocabulary, length, features, heads, layers):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, features)
        self.positions = nn.Embedding(length, features)
        layer = nn.TransformerEncoderLayer(
            features, heads, 4 * features, dropout=0, activation="gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(features))
        self.mask = torch.full((length, length), float("-inf")).triu(1)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions.weight
        return self.blocks(x, mask=self.mask) @ self.tokens.weight.T


def gpt(arrays, options):
    sizes = [options[name] for name in ("vocabSize", "length", "features", "heads", "layers")]
    model = Gpt(*sizes)
    rates = {"lr": options["lr"], "weight_decay": options["weightDecay"]}
    return training(
        model,
        lambda p: torch.optim.AdamW(p, **rates),
        arrays,
        lambda tokens: model(tokens).reshape(-1, options["vocabSize"]),
    )


def circuit(arrays, options):
    def numbers(name, requires_grad):
        return [torch.tensor(v, requires_grad=requires_grad) for v in arrays[name][0]]

    layers = [(numbers(f"{i}.weight", True), numbers(f"{i}.bias", True)) for i in range(3)]
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
            values = [xs[2 * p], xs[2 * p + 1]]
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


def product(arrays, options):
    a, b = tensor(arrays["a"]), tensor(arrays["b"])
    return lambda: (a @ b).square().mean().item(), lambda: a @ b


def elementwise(arrays, options):
    x, a, b = (tensor(arrays[name], requires_grad=True) for name in "xab")
    optimizer = torch.optim.SGD([x, a, b], lr=options["lr"])

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = (x * a + b).tanh().square().sum()
        loss.backward()
        return loss.item()

    def train():
        loss = step()
        optimizer.step()
        return loss

    return train, step


serve(
    {
        "w1": sgd_mlp,
        "w2": batch_norm_mlp,
        "w3": adam_mlp,
        "w4": conv_net,
        "w5": gpt,
        "w6": circuit,
        "w7": product,
        "w8": elementwise,
    }
)
