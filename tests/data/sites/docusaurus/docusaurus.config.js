// @ts-check
import {themes as prismThemes} from 'prism-react-renderer';

/** @type {import('@docusaurus/types').Config} */
const config = {
  title: 'My Site',
  tagline: 'Dinosaurs are cool',
  url: 'https://docusaurus.example',
  baseUrl: '/en/',
  onBrokenLinks: 'ignore',
  i18n: { defaultLocale: 'en', locales: ['en'] },
  presets: [
    ['classic', {
      docs: false,
      blog: {
        routeBasePath: 'notes',
        onInlineAuthors: 'ignore',
        onUntruncatedBlogPosts: 'ignore',
        feedOptions: { type: 'json', limit: false },
      },
    }],
  ],
  themeConfig: { navbar: { title: 'Bar' }, prism: { theme: prismThemes.github } },
};

export default config;
