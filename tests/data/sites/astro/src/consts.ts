// Place any global data in this file.
export const SITE_TITLE = 'Astro "Blog"';
export const SITE_DESCRIPTION = 'Welcome to my website!';
