import { getCollection } from 'astro:content';

export async function GET() {
	const posts = (await getCollection('blog')).filter((post) => !post.data.draft);
	const line = ({ id, data }) => `${import.meta.env.BASE_URL}/blog/${id}/\t${data.pubDate.toISOString()}\t${data.title}`;
	return new Response(posts.map(line).sort().join('\n') + '\n');
}
