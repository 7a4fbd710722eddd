"""Line charts as SVG, without a library."""

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 34, 46
COLOURS = ("#c0392b", "#1f77b4", "#2e8b57", "#8e44ad", "#b8860b", "#555555")


def ticks(low, high, count=5):
    step = 10 ** len(str(int((high - low) / count))) if high - low > count else 1.0
    while (high - low) / step < count:
        step /= 2 if str(f"{step:.0e}")[0] != "5" else 2.5
    first = -(-low // step) * step
    return [first + i * step for i in range(int((high - first) / step + 1e-9) + 1)]


def chart(title, x_label, y_label, curves, categories=None):
    """curves: {name: [(x, y), ...]}. categories: what stands at x = 0, 1, 2 ... instead of numbers."""
    xs = [x for points in curves.values() for x, _ in points]
    ys = [y for points in curves.values() for _, y in points] + [0.0]
    x_low, x_high = min(xs), max(xs) if max(xs) > min(xs) else min(xs) + 1
    y_low, y_high = min(ys), max(max(ys), min(ys) + 1e-6) * 1.05

    def place(x, y):
        return (
            LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM),
        )

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="18" font-size="13" font-weight="bold">{title}</text>',
    ]
    for y in ticks(y_low, y_high):
        _, at = place(x_low, y)
        out.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{y:.4g}</text>')
    named = enumerate(categories) if categories else [(x, f"{x:.4g}") for x in ticks(x_low, x_high)]
    for x, name in named:
        at, _ = place(x, y_low)
        out.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{name}</text>')
    out.append(f'<text x="{(WIDTH + LEFT) / 2:.0f}" y="{HEIGHT - 10}" text-anchor="middle">{x_label}</text>')
    out.append(
        f'<text x="14" y="{HEIGHT / 2:.0f}" text-anchor="middle" '
        f'transform="rotate(-90 14 {HEIGHT / 2:.0f})">{y_label}</text>'
    )
    legend = []
    for i, (name, points) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        line = "L".join(f"{x:.1f} {y:.1f}" for x, y in (place(*point) for point in points))
        out.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for point in points:
            x, y = place(*point)
            out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>')
        legend.append(f'<tspan fill="{colour}" dx="10">{name}</tspan>')
    out.append(f'<text x="{WIDTH - RIGHT}" y="18" text-anchor="end">{"".join(legend)}</text>')
    return "\n".join(out + ["</svg>", ""])
