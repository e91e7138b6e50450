"""Ten columns of numbers, named."""

from skysieve import filter


@filter(**{f"f{number}": f"candidate.f{number}" for number in range(10)})
def ten(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9):
    return f0 > 99 and f1 + f2 + f3 + f4 + f5 + f6 + f7 + f8 + f9 > 0
