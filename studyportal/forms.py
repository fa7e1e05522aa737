"""How Django renders forms: our templates, wherever a form stands."""

from django.forms.renderers import TemplatesSetting


class PortalFormRenderer(TemplatesSetting):
    """Fields with label, hint, error and control in the design system's markup."""

    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"
