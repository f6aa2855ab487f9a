"""Writes schemas/service-actions.txt: the services and actions that an ``aws-sdk:`` Resource may name.

    python -m pip install botocore==1.44.5 && python tools/make_service_actions.py

botocore publishes the API models of AWS as data. Step Functions names a service as the AWS SDK for Java does: its
service id in lower case, without blanks, hyphens and a trailing "Service" (developer guide, "Learning to use AWS SDK
service integrations"), and an action by its API name with a small first letter. One service a line, its actions after
it; the line's form is what statemachine/program/integrations.py searches, without reading the whole into objects.
"""

from __future__ import annotations

from pathlib import Path

import botocore
import botocore.session

TARGET = Path(__file__).parents[1] / "schemas" / "service-actions.txt"


def service_name(service_id: str) -> str:
    name = service_id.lower().replace(" ", "").replace("-", "")
    return name.removesuffix("service") or name


def main() -> None:
    session = botocore.session.get_session()
    services: dict[str, set[str]] = {}
    for each in session.get_available_services():
        model = session.get_service_model(each)
        actions = {name[0].lower() + name[1:] for name in model.operation_names}
        services.setdefault(service_name(model.service_id), set()).update(actions)
    head = f"# botocore {botocore.__version__}, by tools/make_service_actions.py\n"
    lines = [f"{name} {' '.join(sorted(actions))} \n" for name, actions in sorted(services.items())]
    TARGET.write_text(head + "".join(lines), encoding="utf-8")
    print(f"{TARGET.stat().st_size} bytes: {len(services)} services, {sum(map(len, services.values()))} actions")


if __name__ == "__main__":
    main()
