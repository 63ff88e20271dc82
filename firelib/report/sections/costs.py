"""Costs: what the machines of cluster files and jobs cost an hour, and what the stages cost on them."""

from collections.abc import Iterator

from firelib.cluster.status import machine_price
from firelib.errors import FirelibError
from firelib.gcp.pricing import Price, Service, price
from firelib.launch.job_record import read_records
from firelib.ray_setup.cluster_file import read_cluster_file
from firelib.report.content import Block, Missing, Table, Text
from firelib.report.project import ReportedProject

_HOUR = 3600


def costs(project: ReportedProject) -> Iterator[Block]:
    """Prices of rented machines, and the time of each stage."""
    stages = project.last_runs
    if stages:
        rows = [[record.stage, f"{record.seconds:,.1f} s"] for record in stages]
        total = sum(record.seconds for record in stages)
        yield Table("Time of the last run of each stage", ["stage", "took"], [*rows, ["all", f"{total:,.1f} s"]])
    rented = [*_clusters(project), *_jobs(project)]
    if not rented:
        yield Text(
            "Nothing is rented: no cluster file names machines of Google Cloud, and no job ran on rented machines."
        )
        yield Missing("no cost in money: only machines of your own were used", "firelib plan --to all estimates prices")
        return
    seconds = sum(record.seconds for record in stages)
    rows = [
        [
            name,
            "unknown" if found is None else f"${found.hourly:.2f}",
            _cost(found, seconds),
            found.as_of if found else "–",
        ]
        for name, found in rented
    ]
    columns = ["machines", "an hour", "the stages above would cost", "price list of"]
    note = "Estimates from public prices without discounts, disks and network; not compared with an invoice."
    yield Table("Rented machines", columns, rows, note)


def _cost(found: Price | None, seconds: float) -> str:
    return "–" if found is None or not seconds else f"${found.hourly * seconds / _HOUR:.3f}"


def _clusters(project: ReportedProject) -> Iterator[tuple[str, Price | None]]:
    for file in sorted((project.folder / "cluster").glob("*.yaml")):
        try:
            cluster = read_cluster_file(file)
        except FirelibError:
            continue  # the section about machines says so
        if cluster.hosts.gcp:
            yield f"cluster/{file.name}", machine_price(cluster)


def _jobs(project: ReportedProject) -> Iterator[tuple[str, Price | None]]:
    for record in read_records(project.folder):
        spec = record.spec
        if spec.resources.machine:
            service: Service = "training" if record.environment == "vertex" else "compute"
            provisioning, count = spec.replicas.provisioning, spec.replicas.count
            yield record.job_id, price(spec.resources.machine, spec.resources.gpu, provisioning, count, service)
