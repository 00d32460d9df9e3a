"""What the tests ask of Bugsink, on the command line and as JSON: set-up, project NAME, issues PROJECT_ID."""

import json
import sys

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from events.models import Event  # noqa: E402
from issues.models import Issue  # noqa: E402
from projects.models import Project  # noqa: E402


def set_up():
    call_command("migrate", verbosity=0)
    call_command("migrate", "snappea", database="snappea", verbosity=0)


def project(name):
    created = Project.objects.create(name=name)
    return {"id": created.id, "key": created.sentry_key.hex}


def issues(project_id):
    found = Issue.objects.filter(project_id=project_id).order_by("digest_order")
    return [
        {
            "type": issue.calculated_type,
            "value": issue.calculated_value,
            "transaction": issue.transaction,
            "place": f"{issue.last_frame_function} in {issue.last_frame_filename}",
            "events": [event_of(event) for event in Event.objects.filter(issue=issue).order_by("digest_order")],
        }
        for issue in found
    ]


def event_of(event):
    return {"id": event.event_id.hex, "level": event.level, "data": event.get_parsed_data()}


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    answer = {"set-up": set_up, "project": project, "issues": issues}[command](*arguments)
    print(json.dumps(answer))
