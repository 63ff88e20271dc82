"""Report the published results, and put them into the documentation: `python -m benchmarks.harness.report`."""

from benchmarks.harness.measure import RESULTS
from benchmarks.harness.report import write_report
from benchmarks.harness.report.documents import update_documents
from benchmarks.harness.report.load import load_published


def main() -> None:
    """Write the charts, the page, docs/benchmarks.md and README.md."""
    results = load_published(RESULTS)
    write_report(results, RESULTS)
    update_documents(results)


if __name__ == "__main__":
    main()
