from django.apps import AppConfig


class DownloadsConfig(AppConfig):
    name = "downloads"

    def ready(self) -> None:
        import extension_points
        from downloads.tasks import drain_queue

        extension_points.wake_ups.append(drain_queue)
        extension_points.token_saved.append(_token_saved)


def _token_saved() -> None:
    from django.db import transaction

    from downloads.tasks import look_again_now

    transaction.on_commit(lambda: look_again_now(), robust=True)
