// What every page needs after it loaded: the design system's components.
import { initAll } from './vendor/govuk-frontend.js';

document.body.classList.add('js-enabled', 'govuk-frontend-supported');
initAll();
document.querySelectorAll('[data-print]').forEach((button) => button.addEventListener('click', () => window.print()));
document.querySelector('.govuk-error-summary[data-autofocus]')?.focus();
