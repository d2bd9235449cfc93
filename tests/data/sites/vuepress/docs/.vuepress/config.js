import { viteBundler } from '@vuepress/bundler-vite'
import { defineUserConfig } from 'vuepress'
import list from './list.js'

export default defineUserConfig({
  lang: 'en-US',
  base: '/docs/',
  title: 'VuePress',
  description: 'My first VuePress Site',
  bundler: viteBundler(),
  theme: list,
})
