from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class ComfyDashConfig(AppConfig):
    name = "comfydash"

    def ready(self) -> None:
        import extension_points
        from comfydash import checks  # noqa: F401  (registers itself)
        from comfydash.shared_workspace import exchanged_folders

        extension_points.obstacles.append(exchanged_folders)


class AdminConfig(DjangoAdminConfig):
    default_site = "comfydash.admin.DashboardAdmin"
